package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Trigger is a moment that the run itself brings; an entry of a plan may wait for one
// instead of a time. It is looked for from when the entry above has struck, and of a state
// of the cluster, from when that has healed, if it passes. A trigger that a program makes may
// have After beside one of the others, which is then looked for from that moment on.
type Trigger struct {
	When  State  `json:"when,omitempty"`
	While *While `json:"while,omitempty"`
	After *After `json:"after,omitempty"`
}

// State is a state of the whole cluster: green, yellow, red or steady (green with nothing
// moving); with "again" it must have been another one meanwhile.
type State string

var states = []string{"green", "yellow", "red", "steady"}

// Again splits a state from the word again.
func (s State) Again() (state string, again bool) {
	state, again = strings.CutSuffix(string(s), " again")
	return state, again
}

func (s State) check() string {
	if state, _ := s.Again(); !slices.Contains(states, state) {
		return source.Unknown("state", string(s), states) + `; each also with "again"`
	}
	return ""
}

// While is something that goes on with copies of an index.
type While struct {
	Relocates string `yaml:"relocates,omitempty" json:"relocates,omitempty" jsonschema:"description=an index of which a copy moves to another node"`
	Recovers  string `yaml:"recovers,omitempty" json:"recovers,omitempty" jsonschema:"description=an index of which a copy is made anew"`
	Primary   bool   `yaml:"primary,omitempty" json:"primary,omitempty" jsonschema:"description=only of a primary"`
}

// After is a time after another fault.
type After struct {
	Struck string         `yaml:"struck,omitempty" json:"struck,omitempty" jsonschema:"description=the kind of a fault above: the last of its kind"`
	Healed string         `yaml:"healed,omitempty" json:"healed,omitempty" jsonschema:"description=the same from when it has healed"`
	By     units.Duration `yaml:"by,omitempty" json:"by,omitempty" jsonschema:"description=how long after; default at once"`
}

// Fault is the kind of the fault that is waited for.
func (a *After) Fault() string {
	if a.Healed != "" {
		return a.Healed
	}
	return a.Struck
}

// String is the trigger as a file has it.
func (t *Trigger) String() string {
	switch {
	case t.While != nil:
		what := "a copy"
		if t.While.Primary {
			what = "a primary"
		}
		if t.While.Relocates != "" {
			return fmt.Sprintf("while %s of %s relocates", what, t.While.Relocates)
		}
		return fmt.Sprintf("while %s of %s recovers", what, t.While.Recovers)
	case t.After != nil && t.After.Healed != "":
		return fmt.Sprintf("%s after %s healed", t.After.By, t.After.Healed)
	case t.After != nil:
		return fmt.Sprintf("%s after %s struck", t.After.By, t.After.Struck)
	}
	return "when " + string(t.When)
}

// triggerKeys are what an entry may have instead of at.
var triggerKeys = []string{"when", "while", "after"}

// read takes in one of the keys.
func (t *Trigger) read(key string, n ast.Node) error {
	switch key {
	case "when":
		return source.DecodeNode(n, &t.When)
	case "while":
		t.While = &While{}
		return source.DecodeNode(n, t.While)
	}
	t.After = &After{}
	return source.DecodeNode(n, t.After)
}

// check says what is wrong with a trigger whose entry has others above it; paths are
// relative to the entry.
func (t *Trigger) check(topology Topology, above []Entry) []source.Problem {
	var names []string
	for _, i := range topology.Indices {
		names = append(names, i.Name)
	}
	var ps []source.Problem
	switch w, a := t.While, t.After; {
	case t.When != "":
		if msg := t.When.check(); msg != "" {
			ps = append(ps, source.Problemf("when", "%s", msg))
		}
	case w != nil && (w.Relocates == "") == (w.Recovers == ""):
		ps = append(ps, source.Problemf("while", "expected relocates: or recovers:, with an index"))
	case w != nil:
		if index := w.Relocates + w.Recovers; !slices.Contains(names, index) {
			ps = append(ps, source.Problemf("while", "%s", source.Unknown("index", index, names)))
		}
	case a != nil && (a.Struck == "") == (a.Healed == ""):
		ps = append(ps, source.Problemf("after", "expected struck: or healed:, with the kind of a fault above"))
	case a != nil:
		ps = append(ps, a.check(above)...)
	}
	return ps
}

func (a *After) check(above []Entry) []source.Problem {
	if a.By < 0 {
		return []source.Problem{source.Problemf("after.by", "a time after something can't be before it")}
	}
	i := a.Of(above)
	switch {
	case KindOf(a.Fault()).New == nil:
		return []source.Problem{source.Problemf("after", "%s", source.Unknown("fault", a.Fault(), KindNames()))}
	case i < 0:
		return []source.Problem{source.Problemf("after", "no %s stands above", a.Fault())}
	case a.Healed != "" && !above[i].Passes():
		return []source.Problem{source.Problemf("after.healed", "the %s above stays; expected it to have for:", a.Healed)}
	}
	return nil
}

// Of is the entry that is waited for, the last of its kind; -1: there is none.
func (a *After) Of(above []Entry) int {
	for i, e := range slices.Backward(above) {
		if e.Fault.Kind() == a.Fault() {
			return i
		}
	}
	return -1
}

// untilPrefix begins a "for:" that ends with a state and not after a time.
const untilPrefix = "until "

// takeUntil takes such a "for:" out of a fault's parameters; the node itself stays as it is,
// for it may be read again.
func takeUntil(n ast.Node) (rest ast.Node, until State, err error) {
	m, is := n.(*ast.MappingNode)
	if !is {
		return n, "", nil
	}
	for i, kv := range m.Values {
		text, is := kv.Value.(*ast.StringNode)
		if kv.Key.GetToken().Value != "for" || !is || !strings.HasPrefix(text.Value, untilPrefix) {
			continue
		}
		s := State(strings.TrimPrefix(text.Value, untilPrefix))
		if msg := s.check(); msg != "" {
			return n, "", &yaml.SyntaxError{Message: msg, Token: text.GetToken()}
		}
		without := *m
		without.Values = slices.Delete(slices.Clone(m.Values), i, i+1)
		return &without, s, nil
	}
	return n, "", nil
}
