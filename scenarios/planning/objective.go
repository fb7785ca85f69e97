package planning

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
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
	limit  units.Duration // how long a run must be watched to decide it; 0: it doesn't hang on that
	timed  bool           // the verdict is about a time
	bytes  bool           // the verdict is about sizes
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
	pairs := c.Pairs || slices.Contains(o.Survive, Pair)
	for _, e := range o.Expect {
		pairs = pairs || slices.Contains(e.After, Pair)
	}
	s.losses, s.notes = lossesOf(sc, attributes, pairs)
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
	if problems = s.refuse(o, c.Vocabulary); len(problems) > 0 {
		return file.Annotate(problems)
	}
	s.tags = tagsOf(sc, file.Has)
	s.assume(file.Has)
	return nil
}

// scopes are the attributes whose values are lost, and what is wrong with the kinds of
// losses that the objectives name.
func (s *side) scopes(o *scenarios.ObjectivesSection) (attributes []string, ps []source.Problem) {
	sc := s.loaded.Scenario
	aware, all := awareness(sc), attributesOf(sc)
	attributes = slices.Clone(aware)
	known := append([]string{Node, Master, Pair}, all...)
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
			case k == Node || k == Master:
				if there < 2 {
					ps = append(ps, source.Problemf(at, "no cluster can meet this: there is one node, and without it nothing is left"))
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
					s.notes = append(s.notes, fmt.Sprintf("%s is no awareness attribute: the cluster does not keep copies apart by it", k))
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

// kindsOf are the kinds of losses in order, without nothing and pairs, which must be asked
// for.
func kindsOf(losses []Loss) []string {
	var out []string
	for _, l := range losses {
		if l.Kind != Nothing && l.Kind != Pair && !slices.Contains(out, l.Kind) {
			out = append(out, l.Kind)
		}
	}
	return out
}

// short turns the short forms into expectations, and adds those in full.
func short(o *scenarios.ObjectivesSection, survive []string, voc scenarios.Vocabulary) ([]objective, error) {
	var out []objective
	add := func(ob objective, text string) error {
		var err error
		ob.path = "$.objectives." + ob.key
		if ob.expect, err = voc.ReadExpectation([]byte(text)); err != nil {
			return fmt.Errorf("objectives: %s: %w", ob.key, err)
		}
		ob.expect.Line = 0
		out = append(out, ob)
		return nil
	}
	yellow := o.Yellow
	if yellow == 0 {
		yellow = defaultYellow
		if o.Green > 0 {
			yellow = min(yellow, o.Green)
		}
	}
	for _, k := range survive {
		ob := objective{name: "survive " + k, key: "survive", kinds: []string{k}, limit: yellow, timed: true}
		if err := add(ob, fmt.Sprintf("{recovered: yellow, within: %s}", yellow)); err != nil {
			return nil, err
		}
	}
	if o.Green > 0 {
		ob := objective{name: "green within " + o.Green.String(), key: "green-within", kinds: survive, limit: o.Green, timed: true}
		if err := add(ob, fmt.Sprintf("{recovered: green, within: %s}", o.Green)); err != nil {
			return nil, err
		}
	}
	if o.Disk != "" {
		ob := objective{name: "disks below " + o.Disk, key: "disk-below", kinds: append([]string{Nothing}, survive...), bytes: true}
		if err := add(ob, fmt.Sprintf("{disk-below: %q}", o.Disk)); err != nil {
			return nil, err
		}
	}
	for i, e := range o.Expect {
		ob := objective{name: e.Text, key: fmt.Sprintf("expect[%d]", i), path: fmt.Sprintf("$.objectives.expect[%d]", i), expect: e.Expect, kinds: e.After, timed: true, bytes: true}
		if len(ob.kinds) == 0 {
			ob.kinds = survive
		}
		if r, is := e.Expectation.(*scenarios.Recovered); is {
			ob.limit = r.Within
		}
		out = append(out, ob)
	}
	return out, nil
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
		for _, p := range ob.expect.Check(s.scenario(s.loaded, s.losses[l]).Scenario) {
			path := ob.path
			if p.Path != "" && strings.HasPrefix(ob.key, "expect[") { // a short form has no parameters
				path += "." + p.Path
			}
			ps = append(ps, source.Problemf(path, "%s", p.Message))
		}
	}
	if o.Green > 0 && slices.ContainsFunc(s.objectives, func(ob objective) bool { return ob.key == "survive" && ob.kinds[0] != Master }) {
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
