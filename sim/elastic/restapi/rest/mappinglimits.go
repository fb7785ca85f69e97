package rest

import (
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// MappingLimits refuses a mapping that is larger or deeper than an index's settings allow
// (MappingLookup.checkLimits).
func MappingLimits(set settings.Settings, mapping []byte) *elastic.Error {
	limit := func(name string, def int) int {
		if v, ok := set.Get("index.mapping." + name + ".limit"); ok {
			if n, err := strconv.Atoi(v); err == nil {
				return n
			}
		}
		return def
	}
	v, err := ParseJSON(mapping)
	if err != nil {
		return nil
	}
	p := v.Member("properties")
	if p == nil {
		return nil
	}
	l := limits{depth: limit("depth", 20), nested: limit("nested_fields", 50)}
	l.count(p, "", 1)
	fields := limit("total_fields", 1000)
	switch {
	case l.deep != "":
		return IllegalArgument("Limit of mapping depth [%d] has been exceeded due to object field [%s]", l.depth, l.deep)
	case l.total > fields:
		return IllegalArgument("Limit of total fields [%d] has been exceeded", fields)
	case l.nests > l.nested:
		return IllegalArgument("Limit of nested fields [%d] has been exceeded", l.nested)
	}
	return nil
}

// limits counts what a mapping holds.
type limits struct {
	depth, nested int
	total, nests  int
	deep          string // the first object that lies too deep
}

func (l *limits) count(properties *Value, path string, depth int) {
	for i := range properties.Members {
		m := &properties.Members[i]
		l.total++
		if f := m.Value.Member("fields"); f != nil {
			l.total += len(f.Members)
		}
		if t := m.Value.Member("type"); t != nil && t.Text == "nested" {
			l.nests++
		}
		if inner := m.Value.Member("properties"); inner != nil {
			if depth+1 > l.depth && l.deep == "" {
				l.deep = path + m.Name
			}
			l.count(inner, path+m.Name+".", depth+1)
		}
	}
}
