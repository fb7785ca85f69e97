package planning

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
)

// defaultYellow is how long a cluster that survives a loss may be red after it.
const defaultYellow = units.Duration(time.Minute)

// objective is an expectation with the losses that it is for.
type objective struct {
	name   string
	key    string // of objectives:
	path   string // in the file
	expect scenarios.Expect
	kinds  []string
	// otherwise is what is expected after some losses instead; nil: after none.
	otherwise func(Loss) (scenarios.Expect, bool)
	limit     units.Duration // how long a run must be watched to decide it; 0: it doesn't hang on that
	timed     bool           // the verdict is about a time
	bytes     bool           // the verdict is about sizes
	load      bool           // the verdict is about what clients ask for
}

// of is what is expected after a loss.
func (o *objective) of(l Loss) scenarios.Expect {
	if o.otherwise != nil {
		if e, is := o.otherwise(l); is {
			return e
		}
	}
	return o.expect
}

// after reports whether the objective is for a loss. A limit that holds always holds where
// nothing is lost as well.
func (o *objective) after(l Loss) bool { return slices.Contains(o.kinds, l.Kind) }

// prepare finds the losses and the objectives of a side, and refuses those that make no
// sense or that nothing could meet.
func (s *side) prepare(c *Config) error {
	sc := s.loaded.Scenario
	file, err := source.Parse(s.loaded.File, s.loaded.Text)
	if err != nil {
		return err
	}
	o := sc.Objectives
	if o == nil {
		o = &scenarios.ObjectivesSection{}
	}
	attributes, problems := s.scopes(o)
	if err := file.Annotate(problems); err != nil {
		return err
	}
	if attributes, err = s.asked(c.Losses, attributes); err != nil {
		return err
	}
	want := wanted{attributes: attributes, pairs: c.Pairs || slices.Contains(o.Survive, Pair) || slices.Contains(c.Losses, Pair), only: c.Losses}
	for _, e := range o.Expect {
		want.pairs = want.pairs || slices.Contains(e.After, Pair)
	}
	s.downtime = cmp.Or(o.Downtime, DefaultDowntime)
	losses, notes := lossesOf(sc, want)
	s.losses, s.notes = losses, append(s.notes, notes...)
	survive := o.Survive
	if len(survive) == 0 {
		survive = kindsOf(s.losses)
		s.assumed = append(s.assumed, Assumption{
			About: "which losses must be survived", Took: words(survive), Why: "no survive: is among the objectives", Matters: "the verdict", Hangs: true,
		})
	}
	if s.objectives, err = short(o, survive, c.Vocabulary); err != nil {
		return err
	}
	s.narrow(want)
	if problems = s.refuse(o, c.Vocabulary); len(problems) > 0 {
		return file.Annotate(problems)
	}
	s.tags = tagsOf(sc, file.Has)
	s.assume(file.Has)
	return nil
}

// narrow leaves out of the objectives what no loss that is tried can decide.
func (s *side) narrow(want wanted) {
	if len(want.only) == 0 {
		return
	}
	var kept []objective
	for _, o := range s.objectives {
		o.kinds = slices.DeleteFunc(slices.Clone(o.kinds), func(k string) bool {
			return k != Nothing && !slices.ContainsFunc(s.losses, func(l Loss) bool { return l.Kind == k })
		})
		if len(o.kinds) > 0 {
			kept = append(kept, o)
			continue
		}
		s.notes = append(s.notes, "not judged, for no such loss is tried: "+o.name)
	}
	s.objectives = kept
}

// asked adds the attributes that somebody wants to see lost, objectives or not, and refuses
// losses that there are none of.
func (s *side) asked(losses, attributes []string) ([]string, error) {
	all := attributesOf(s.loaded.Scenario)
	for _, k := range losses {
		switch {
		case k == Upgrade && s.loaded.System != chaos.Elasticsearch:
			return nil, fmt.Errorf("--losses %s: nodes of system %s have one version; expected restart", k, s.loaded.System)
		case slices.Contains(lossKinds, k) || slices.Contains(attributes, k):
		case slices.Contains(all, k):
			attributes = append(attributes, k)
			s.notes = append(s.notes, fmt.Sprintf(noAwareness, k))
		default:
			return nil, fmt.Errorf("--losses: %s", source.Unknown("loss", k, append(slices.Clone(lossKinds), all...)))
		}
	}
	return attributes, nil
}

// lossKinds are the losses that every cluster has.
var lossKinds = []string{Node, Master, Pair, Restart, Upgrade, Drain}

const noAwareness = "%s is no awareness attribute: the cluster does not keep copies apart by it"

// scopes are the attributes whose values are lost, and what is wrong with the kinds of
// losses that the objectives name.
func (s *side) scopes(o *scenarios.ObjectivesSection) (attributes []string, ps []source.Problem) {
	sc := s.loaded.Scenario
	aware, all := awareness(sc), attributesOf(sc)
	attributes = slices.Clone(aware)
	known := append(slices.Clone(lossKinds), all...)
	there := 0
	for _, n := range sc.NodeSpecs() {
		if !n.Late {
			there++
		}
	}
	look := func(path string, kinds []string) {
		for i, k := range kinds {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch {
			case slices.Contains([]string{Node, Master, Restart, Upgrade, Drain}, k):
				if there < 2 {
					ps = append(ps, source.Problemf(at, "no cluster can meet this: there is one node, and without it nothing is left"))
				}
				if k == Upgrade && sc.System != chaos.Elasticsearch {
					ps = append(ps, source.Problemf(at, "nodes of system %s have one version; expected restart", sc.System))
				}
			case k == Pair:
				if there < 3 {
					ps = append(ps, source.Problemf(at, "no cluster can meet this: there are %d nodes, and without two of them nothing is left", there))
				}
			case !slices.Contains(all, k):
				ps = append(ps, source.Problemf(at, "%s", source.Unknown("loss", k, known)))
			default:
				if p := onlyValue(sc, k); p != "" {
					ps = append(ps, source.Problemf(at, "no cluster can meet this: %s", p))
				}
				if !slices.Contains(attributes, k) {
					attributes = append(attributes, k)
					s.notes = append(s.notes, fmt.Sprintf(noAwareness, k))
				}
			}
		}
	}
	look("$.objectives.survive", o.Survive)
	for i, e := range o.Expect {
		look(fmt.Sprintf("$.objectives.expect[%d].after", i), e.After)
	}
	return attributes, ps
}

// onlyValue says that all nodes that have an attribute have the same, or that nothing is
// left without one of its values.
func onlyValue(sc *scenarios.Scenario, attribute string) string {
	var there []scenarios.NodeSpec
	for _, n := range sc.NodeSpecs() {
		if !n.Late {
			there = append(there, n)
		}
	}
	values, holders := valuesOf(there, attribute)
	if len(values) == 1 && len(holders[0]) == len(there) {
		return fmt.Sprintf("all nodes have %s %s, and without it nothing is left", attribute, values[0])
	}
	return ""
}

// kindsOf are the kinds of losses in order that must be survived where nobody says which:
// those that happen by themselves. Pairs and work on the cluster must be asked for.
func kindsOf(losses []Loss) []string {
	var out []string
	for _, l := range losses {
		if !slices.Contains([]string{Nothing, Pair, Restart, Upgrade, Drain}, l.Kind) && !slices.Contains(out, l.Kind) {
			out = append(out, l.Kind)
		}
	}
	return out
}

// expected is an expectation from the registry, from its text.
func expected(voc scenarios.Vocabulary, key, format string, args ...any) (scenarios.Expect, error) {
	e, err := voc.ReadExpectation(fmt.Appendf(nil, format, args...))
	if err != nil {
		return e, fmt.Errorf("objectives: %s: %w", key, err)
	}
	e.Line = 0
	return e, nil
}

// short turns the short forms into expectations, and adds those in full.
func short(o *scenarios.ObjectivesSection, survive []string, voc scenarios.Vocabulary) ([]objective, error) {
	out, err := surviving(o, survive, voc)
	if err != nil {
		return nil, err
	}
	always := append([]string{Nothing}, survive...)
	if o.Disk != "" {
		e, err := expected(voc, "disk-below", "{disk-below: %q}", o.Disk)
		if err != nil {
			return nil, err
		}
		out = append(out, objective{name: "disks below " + o.Disk, key: "disk-below", path: "$.objectives.disk-below", expect: e, kinds: always, bytes: true})
	}
	if o.CPU != "" {
		e, err := expected(voc, "cpu-below", "{node-load: cpu, max: \"< %s\", at: always}", strings.TrimSuffix(strings.TrimSpace(o.CPU), "%"))
		if err != nil {
			return nil, err
		}
		out = append(out, objective{name: "processors below " + o.CPU, key: "cpu-below", path: "$.objectives.cpu-below", expect: e, kinds: always, load: true})
	}
	for i, e := range o.Expect {
		ob := objective{name: e.Text, key: fmt.Sprintf("expect[%d]", i), path: fmt.Sprintf("$.objectives.expect[%d]", i), expect: e.Expect, kinds: e.After, timed: true, bytes: true}
		if len(ob.kinds) == 0 {
			ob.kinds = survive
		}
		if r, is := e.Expectation.(*expectations.Recovered); is {
			ob.limit = r.Within
		}
		out = append(out, ob)
	}
	return out, nil
}

// surviving are the objectives that say what must be well again after a loss, and how soon.
// In a rolling restart that is counted for each node: not red from when it stops, green from
// when it is back. A drain may make nothing red, and must leave the node empty by then.
func surviving(o *scenarios.ObjectivesSection, survive []string, voc scenarios.Vocabulary) ([]objective, error) {
	var out []objective
	yellow := cmp.Or(o.Yellow, defaultYellow)
	if o.Yellow == 0 && o.Green > 0 {
		yellow = min(yellow, o.Green)
	}
	for _, k := range survive {
		text, limit := fmt.Sprintf("{recovered: yellow, within: %s}", yellow), yellow
		switch k {
		case Restart, Upgrade:
			text = fmt.Sprintf("{recovered: yellow, within: %s, of: node-loss, in-turn: true}", yellow)
		case Drain:
			text, limit = "{no-red-longer-than: 0s}", 0
		}
		e, err := expected(voc, "survive", "%s", text)
		if err != nil {
			return nil, err
		}
		out = append(out, objective{name: "survive " + k, key: "survive", path: "$.objectives.survive", expect: e, kinds: []string{k}, limit: limit, timed: true})
	}
	if o.Green == 0 {
		return out, nil
	}
	e, err := expected(voc, "green-within", "{recovered: green, within: %s}", o.Green)
	if err != nil {
		return nil, err
	}
	ob := objective{name: "green within " + o.Green.String(), key: "green-within", path: "$.objectives.green-within", expect: e, kinds: survive, limit: o.Green, timed: true}
	ob.otherwise = func(l Loss) (scenarios.Expect, bool) {
		text := ""
		switch {
		case l.rolling():
			text = fmt.Sprintf("{recovered: green, within: %s, of: node-loss, healed: true, in-turn: true}", o.Green)
		case l.Kind == Drain:
			text = fmt.Sprintf("{node-empty: %q, within: %s}", l.Name, units.Duration(strikesAt)+o.Green)
		}
		if text == "" {
			return scenarios.Expect{}, false
		}
		e, err := expected(voc, "green-within", "%s", text)
		return e, err == nil
	}
	return append(out, ob), nil
}

// refuse finds objectives that do not fit the losses they are for, and those that nothing
// could meet.
func (s *side) refuse(o *scenarios.ObjectivesSection, voc scenarios.Vocabulary) []source.Problem {
	var ps []source.Problem
	for i := range s.objectives {
		ob := &s.objectives[i]
		if of := foreign(voc, ob.expect.Kind(), s.loaded.System); of != "" {
			ps = append(ps, source.Problemf(ob.path, "%s is for system %s", ob.expect.Kind(), of))
			continue
		}
		l := slices.IndexFunc(s.losses, ob.after)
		if l < 0 {
			ps = append(ps, source.Problemf(ob.path, "there is no such loss in this cluster, so that this could never be decided"))
			continue
		}
		for _, p := range ob.of(s.losses[l]).Check(s.scenario(s.loaded, s.losses[l]).Scenario) {
			path := ob.path
			if p.Path != "" && strings.HasPrefix(ob.key, "expect[") { // a short form has no parameters
				path += "." + p.Path
			}
			ps = append(ps, source.Problemf(path, "%s", p.Message))
		}
	}
	if o.Green > 0 && slices.ContainsFunc(s.objectives, func(ob objective) bool {
		return ob.key == "survive" && !slices.Contains([]string{Master, Restart, Upgrade, Drain}, ob.kinds[0])
	}) {
		if wait, all := patience(s.loaded.Scenario); all && o.Green.D() <= wait {
			ps = append(ps, source.Problemf("$.objectives.green-within", "no cluster can meet this: index.unassigned.node_left.delayed_timeout makes every index wait %s before it replaces a lost copy; expected more than that, or a shorter wait",
				units.Duration(wait)))
		}
	}
	return ps
}

// foreign is the system that an expectation is for, where that is another; "" else.
func foreign(voc scenarios.Vocabulary, kind, system string) string {
	for _, k := range voc.Expectations() {
		if k.Name == kind && k.Systems != nil && !slices.Contains(k.Systems, system) {
			return k.Systems[0]
		}
	}
	return ""
}

// words are names with commas.
func words(names []string) string {
	text := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			text += " and "
		default:
			text += ", "
		}
		text += n
	}
	return text
}
