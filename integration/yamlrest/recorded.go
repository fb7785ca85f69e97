package yamlrest

import (
	_ "embed"
	"strings"
)

//go:embed livepasses.tsv
var livePasses string

//go:embed known.tsv
var knownFailures string

// Files beside this one that are written anew by a flag of the tests: what a live node passes,
// and what of that the simulator is known not to pass.
const (
	PassesFile = "livepasses.tsv"
	KnownFile  = "known.tsv"
)

// Name is a test by its suite and its title.
type Name struct{ Suite, Test string }

// LivePasses are the tests that a live node of 8.19.0 passes.
func LivePasses() map[Name]bool {
	out := map[Name]bool{}
	for line := range strings.Lines(livePasses) {
		suite, test, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		out[Name{suite, test}] = true
	}
	return out
}

// Known are the tests of these that the simulator is known not to pass, and why.
func Known() map[Name]string {
	out := map[Name]string{}
	for line := range strings.Lines(knownFailures) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		out[Name{f[0], f[1]}] = f[2]
	}
	return out
}
