package determinism

import "strings"

// Module is the module whose packages are held to the rules.
const Module = "github.com/shardquake/shardquake"

// A Scope holds a package and all below it to a set of rules. The longest path
// that matches a package counts.
type Scope struct {
	// Path is relative to the module.
	Path string
	// Rules names the rules in force; nil means none.
	Rules []string
	// Why says what the package has to do with virtual time.
	Why string
}

var (
	everything = ruleNames()
	// printed are the rules for what only draws up a finished run: it may take its
	// time and use gonum, but the same run must give the same bytes.
	printed = []string{wallClock, randomRule, machine, mapOrder, sortTies, address, directive}
)

// Packages is the one list of what is held to which rules. A file that is for
// real time only is taken out by a directive in the file, not here.
var Packages = []Scope{
	{"sim", everything, "virtual time itself and the models that run in it"},
	{"controller", everything, "runs unchanged in virtual and in real time"},
	{"kvcluster", everything, "runs unchanged in virtual and in real time"},
	{"chaos", everything, "fault plans are part of what a seed determines"},
	{"scenarios", everything, "the runner lives in the run's time"},
	{"scenarios/explore", printed, "many runs beside each other, whose results hang on no worker"},
	{"scenarios/planning", printed, "many runs beside each other, whose results hang on no worker"},
	{"scenarios/gameday", printed, "predictions are drawn up from finished runs, and a course goes with real nodes, too"},
	{"reports", printed, "a report is compared byte for byte"},
	{"internal", everything, "shared by all of the above"},
	{"internal/determinism", nil, "this analyzer, which no run contains"},
	{"internal/catalog", nil, "wires real backends too; runs before and after a run"},
	{"internal/testrun", nil, "runs the tests"},
	{"internal/buildcost", nil, "measures a build"},
	{"internal/crosscheck", nil, "type-checks for other systems"},
	{"integration", nil, "real backends live in real time"},
	{"cmd", nil, "the command line lives in real time"},
}

func ruleNames() []string {
	names := make([]string, 0, len(Rules))
	for _, r := range Rules {
		names = append(names, r.Name)
	}
	return names
}

// RulesFor is the set of rules for the package of this import path. It is empty
// for a package that no entry of [Packages] names.
func RulesFor(importPath string) []string {
	rel, ok := strings.CutPrefix(importPath, Module+"/")
	if !ok {
		return nil
	}
	best := Scope{}
	for _, s := range Packages {
		within := rel == s.Path || strings.HasPrefix(rel, s.Path+"/")
		if within && len(s.Path) > len(best.Path) {
			best = s
		}
	}
	return best.Rules
}
