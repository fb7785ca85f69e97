package explore

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// History is all that was seen of a run.
type History = observed.History

// The answers of a [Judge]. What could not be decided is not known, and counts neither as held
// nor as broken.
const (
	Holds   = scenarios.Pass
	Breaks  = scenarios.Fail
	Unknown = scenarios.Unknown
)

// Judge says whether a claim holds in what was seen of a run, and in a sentence what it saw.
type Judge func(h *History) (scenarios.Verdict, string)

// OwnClaim is a claim that is a function. Files name it as an expectation, {NAME: true}.
type OwnClaim struct {
	Name  string
	Judge Judge
}

// claimName is what a claim may be called.
var claimName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// check is the error of a claim that files can't name.
func (c OwnClaim) check(voc scenarios.Vocabulary) error {
	switch {
	case !claimName.MatchString(c.Name):
		return fmt.Errorf("claim %q: expected a name of small letters, digits and dashes, such as stays-calm", c.Name)
	case c.Judge == nil:
		return fmt.Errorf("claim %s: expected a function that judges it", c.Name)
	case slices.ContainsFunc(voc.Expectations(), func(k scenarios.ExpectationKind) bool { return k.Name == c.Name }):
		return fmt.Errorf("claim %s: there is an expectation of that name already; expected another", c.Name)
	}
	return nil
}

// kind is the claim as a kind of expectation.
func (c OwnClaim) kind() scenarios.ExpectationKind {
	return scenarios.ExpectationKind{Name: c.Name, About: "a claim of one's own", New: func() scenarios.Expectation { return &judged{claim: c} }}
}

// judged is an entry of a file that names a claim.
type judged struct {
	claim OwnClaim
	off   bool // the file has something but true
}

// UnmarshalYAML takes {NAME: true} and nothing else.
func (j *judged) UnmarshalYAML(n ast.Node) error {
	var v yaml.MapSlice
	if err := yaml.NodeToValue(n, &v, yaml.UseOrderedMap()); err != nil {
		return err
	}
	j.off = len(v) != 1 || v[0].Value != true
	return nil
}

// Kind implements [scenarios.Expectation].
func (j *judged) Kind() string { return j.claim.Name }

// Check implements [scenarios.Expectation].
func (j *judged) Check(*scenarios.Scenario) []chaos.Problem {
	if j.off {
		return []chaos.Problem{{Path: j.claim.Name, Message: fmt.Sprintf("a claim of one's own has no parameters; expected {%s: true}", j.claim.Name)}}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (j *judged) Judge(h *History) []scenarios.Outcome {
	verdict, reason := j.claim.Judge(h)
	if verdict != Holds && verdict != Breaks {
		verdict = Unknown // whatever it meant
	}
	return []scenarios.Outcome{{Name: j.claim.Name, Verdict: verdict, Reason: reason}}
}

// withOwn adds claims of one's own to those of a file; what stands there is not added again.
func withOwn(scenario string, claims []*claim, own []OwnClaim) []*claim {
	for _, o := range own {
		text := source.Flow(yaml.MapSlice{{Key: o.Name, Value: true}})
		if slices.ContainsFunc(claims, func(c *claim) bool { return c.text == text }) {
			continue
		}
		name := number(scenario+"-breaks-"+o.Name, func(n string) bool {
			return slices.ContainsFunc(claims, func(c *claim) bool { return c.name == n })
		})
		claims = append(claims, &claim{
			Claim: scenarios.Claim{Expect: scenarios.Expect{Expectation: &judged{claim: o}}}, text: text, alone: text, name: name,
		})
	}
	return claims
}
