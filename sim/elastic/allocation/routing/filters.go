package routing

import (
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Filters is a group of include, exclude or require settings (DiscoveryNodeFilters).
type Filters struct {
	all     bool // every filter and every value must match, else any
	entries []settings.NamedValues
}

// newFilters reads a group; tier preferences are not filters of nodes here.
func newFilters(s settings.Settings, group *settings.Setting[[]string], all bool) Filters {
	f := Filters{all: all}
	for _, e := range settings.Under(s, group) {
		if "index.routing.allocation.include."+e.Name != settings.IndexTierPreference.Key() {
			f.entries = append(f.entries, e)
		}
	}
	return f
}

func (f *Filters) Empty() bool { return len(f.entries) == 0 }

// Match reports whether a node passes the filters.
func (f *Filters) Match(n *state.Node) bool {
	for i := range f.entries {
		e := &f.entries[i]
		if f.byAddress(e.Name) {
			if f.matchAddress(e, n) != f.all {
				return !f.all
			}
			continue
		}
		values, ok := nodeValues(n, e.Name)
		if !ok {
			if f.all {
				return false
			}
			continue
		}
		for _, pattern := range e.Values {
			if matchAny(pattern, values, e.Name == "_id") != f.all {
				return !f.all
			}
		}
	}
	return f.all
}

// byAddress reports whether a filter is about IP addresses; one matching value is
// enough then, even in a filter of which all parts must match.
func (f *Filters) byAddress(name string) bool {
	return name == "_ip" || name == "_host_ip" || name == "_publish_ip"
}

func (f *Filters) matchAddress(e *settings.NamedValues, n *state.Node) bool {
	for _, pattern := range e.Values {
		if SimpleMatch(pattern, HostAddress(n)) {
			return true
		}
	}
	return false
}

// nodeValues are the texts a filter compares with; ok is false when the node lacks the attribute.
func nodeValues(n *state.Node, name string) (values []string, ok bool) {
	switch name {
	case "_host":
		return []string{n.Host, HostAddress(n)}, true
	case "_id":
		return []string{n.ID}, true
	case "_name", "name":
		return []string{n.Name}, true
	}
	v, ok := n.Attribute(name)
	return []string{v}, ok
}

func matchAny(pattern string, values []string, exact bool) bool {
	for _, v := range values {
		if exact && v == pattern || !exact && SimpleMatch(pattern, v) {
			return true
		}
	}
	return false
}

// HostAddress is the node's IP address, without the port.
func HostAddress(n *state.Node) string {
	if i := strings.LastIndexByte(n.Address, ':'); i >= 0 {
		return strings.Trim(n.Address[:i], "[]")
	}
	return n.Address
}

// SimpleMatch matches a text with a pattern in which * stands for any run of
// characters (org.elasticsearch.common.regex.Regex.simpleMatch).
func SimpleMatch(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// String is Elasticsearch's text of the filters, with the names in order.
func (f *Filters) String() string {
	op := " OR "
	if f.all {
		op = " AND "
	}
	parts := make([]string, len(f.entries))
	for i, e := range f.entries {
		parts[i] = e.Name + `:"` + strings.Join(e.Values, op) + `"`
	}
	return strings.Join(parts, ",")
}
