package scenarios

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
)

var scenarioName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// check returns everything that is wrong with a scenario that could be read. It changes
// nothing.
func (s *Scenario) check(voc Vocabulary) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	if s.Format != FileFormat {
		bad("$.format", "file format %d; this version of Shardquake reads format %d", s.Format, FileFormat)
	}
	if !scenarioName.MatchString(s.Name) {
		bad("$.name", "%q is not a scenario name; expected lower-case letters, digits and dashes", s.Name)
	}
	if s.About == "" {
		bad("$.about", "the scenario does not say what it is about; expected about: with a sentence")
	}
	if s.system == nil {
		bad("$.system", "%s", source.Unknown("system", s.System, voc.SystemNames()))
	}
	if s.Duration <= 0 {
		bad("$.duration", "the scenario has no duration; expected a time such as 5m")
	}
	ps = append(ps, s.checkWallClock()...)
	ps = append(ps, s.checkBounds()...)
	ps = append(ps, s.checkTolerance(voc)...)
	ps = append(ps, s.checkObjectives()...)
	ps = append(ps, s.checkGrowth()...)
	ps = append(ps, s.checkRest()...)
	if s.Settle < 0 || s.Steady < 0 {
		bad("$.settle", "a wait can't be negative")
	}
	if empty := s.checkEmpty(); len(empty) > 0 || s.system == nil {
		return append(ps, empty...) // nothing more can be said of them
	}
	ps = append(ps, s.system.Check(s, voc)...)
	if n := s.Cluster.Nodes.Count; n < 1 || n > MostNodes {
		return ps // faults can't be checked without nodes
	}
	ps = append(ps, chaos.Plan{Entries: s.Faults}.Check(s.Topology(), s.Duration.D())...)
	if len(s.Expect) == 0 {
		bad("$.expect", "nothing is expected, so nothing could fail; %s", source.Unknown("expectation", "", voc.expectationNames()))
	}
	if ps = append(ps, s.checkExpectations(voc, s.Expect, "$.expect")...); len(ps) > 0 {
		return ps
	}
	return append(s.checkExplore(voc), s.checkGameday(voc)...)
}

// checkExpectations returns what is wrong with what is expected.
func (s *Scenario) checkExpectations(voc Vocabulary, list []Expect, path string) []source.Problem {
	var ps []source.Problem
	foreign := make(map[string]string) // what is wrong with kinds for other systems
	for _, k := range voc.Expectations() {
		if k.Systems != nil && !slices.Contains(k.Systems, s.System) {
			foreign[k.Name] = fmt.Sprintf("%s is for system %s", k.Name, k.Systems[0])
		}
	}
	for i, e := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if msg := foreign[e.Kind()]; msg != "" {
			ps = append(ps, source.Problemf(at+"."+e.Kind(), "%s", msg))
			continue
		}
		for _, p := range e.Expectation.Check(s) {
			path := at
			if p.Path != "" {
				path += "." + p.Path
			}
			ps = append(ps, source.Problem{Path: path, Message: p.Message})
		}
	}
	return ps
}

// checkEmpty finds entries of lists with nothing in them, such as a dash alone.
func (s *Scenario) checkEmpty() []source.Problem {
	var ps []source.Problem
	for i, e := range s.Faults {
		if e.Fault == nil {
			ps = append(ps, source.Problemf(fmt.Sprintf("$.faults[%d]", i), "the entry is empty; expected a time and a fault, such as {at: 20s, node-loss: {node: n2}}"))
		}
	}
	empty := func(e Expect, path string, i int) {
		if e.Expectation == nil {
			ps = append(ps, source.Problemf(fmt.Sprintf("%s[%d]", path, i), "the entry is empty; expected an expectation, such as {lost-acked-writes: 0}"))
		}
	}
	for i, e := range s.Expect {
		empty(e, "$.expect", i)
	}
	if s.Explore != nil {
		for i, c := range s.Explore.Claims {
			empty(c.Expect, "$.explore.claims", i)
		}
	}
	if s.Gameday != nil {
		for i, e := range s.Gameday.Guardrails {
			empty(e, "$.gameday.guardrails", i)
		}
	}
	return ps
}
