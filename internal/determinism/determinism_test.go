package determinism

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/tools/go/analysis/analysistest"
)

// everywhere holds every package to every rule.
func everywhere(string) []string { return everything }

// Each package under testdata/src breaks one rule in functions called broken,
// where comments say what is to be found, and keeps it in functions called kept.
var packageOfRule = map[string]string{
	wallClock:    "wallclock",
	contextRule:  "ctx",
	goroutine:    "goroutine",
	channel:      "channel",
	syncRule:     "syncs",
	randomRule:   "random",
	machine:      "machine",
	mapOrder:     "maporder",
	sortTies:     "sortties",
	address:      "addresses",
	packageState: "packagestate",
	fusedFloat:   "fused",
	floatMath:    "floatmath",
	directive:    "allow",
}

func TestEachRuleFindsWhatBreaksItAndNothingElse(t *testing.T) {
	packages := slices.Sorted(maps.Values(packageOfRule))
	found := make(map[string]map[string]int) // package → rule → findings
	for _, result := range analysistest.Run(t, analysistest.TestData(), New(everywhere), packages...) {
		rules := make(map[string]int)
		for _, d := range result.Action.Diagnostics {
			rules[d.Category]++
		}
		found[result.Action.Package.PkgPath] = rules
	}
	for _, r := range Rules {
		assert.Positive(t, found[packageOfRule[r.Name]][r.Name], "findings of rule %s in package %s", r.Name, packageOfRule[r.Name])
	}
}

func TestARealtimeDirectiveTakesItsFileOutAndNoOther(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), New(everywhere), "realtime")
}

func TestTheSuggestedFixRoundsEachProduct(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), New(everywhere), "fused")
}

func TestRulesThatAreNotInForceFindNothing(t *testing.T) {
	onlyRandom := New(func(string) []string { return []string{randomRule} })
	results := analysistest.Run(quiet{}, analysistest.TestData(), onlyRandom, "wallclock", "random")
	found := make(map[string]int)
	for _, r := range results {
		for _, d := range r.Action.Diagnostics {
			found[r.Action.Package.Name]++
			assert.Equal(t, randomRule, d.Category)
		}
	}
	assert.Zero(t, found["wallclock"])
	assert.Positive(t, found["random"])
}

// quiet ignores the expectations of a testdata package, which are for all rules.
type quiet struct{}

func (quiet) Errorf(string, ...any) {}

func TestPackagesAreHeldToTheRulesOfTheLongestPathThatMatches(t *testing.T) {
	tests := []struct {
		pkg  string
		want []string
	}{
		{Module + "/sim", everything},
		{Module + "/sim/elastic/allocation", everything},
		{Module + "/controller", everything},
		{Module + "/internal/clock", everything},
		{Module + "/reports", printed},
		{Module + "/internal/determinism/cmd/detcheck", nil},
		{Module + "/internal/catalog", nil},
		{Module + "/simulate", nil},
		{Module, nil},
		{"example.org/sim", nil},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, RulesFor(tt.pkg), tt.pkg)
	}
}

func TestEveryRuleInAScopeExists(t *testing.T) {
	for _, s := range Packages {
		assert.NotEmpty(t, s.Why, s.Path)
		for _, name := range s.Rules {
			_, ok := ruleNamed(name)
			assert.True(t, ok, "%s names the rule %q", s.Path, name)
		}
	}
	for _, b := range bans {
		_, ok := ruleNamed(b.rule)
		assert.True(t, ok, "a ban of %s names the rule %q", b.pkg, b.rule)
		assert.False(t, len(b.names) > 0 && len(b.but) > 0, "a ban of %s has both names and exceptions", b.pkg)
	}
	assert.Equal(t, directive, Rules[len(Rules)-1].Name, "the directive rule comes last: it can't be allowed")
	assert.True(t, slices.Contains(everything, mapOrder))
}
