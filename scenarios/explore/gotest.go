package explore

import (
	"fmt"
	"go/format"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
)

// goTest is a Go test that runs the scenario of what was found, which fails until that is
// mended. It stands in a package of its own, next to the scenario.
func (f *Find) goTest() ([]byte, error) {
	text := fmt.Sprintf(`// Package %s has what shardquake explore has found, as tests that fail until it is mended.
package %s

import (
	"testing"

	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// %s
//
// Does not hold: %s
func %s(t *testing.T) {
	scenariotest.Run(t, %q)
}
`, path.Base(DirFound), path.Base(DirFound), comment(f.About), comment(f.Claim), testName(f.Name), f.Name+".yaml")
	return format.Source([]byte(text))
}

// comment is a text on one line.
func comment(text string) string { return strings.Join(strings.Fields(text), " ") }

// testName is the name of a test for a scenario: of its words.
func testName(scenario string) string {
	name := "Test"
	for _, word := range strings.FieldsFunc(scenario, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// writeGoTest leaves the test next to the scenario in a folder.
func (f *Find) writeGoTest(dir string) error {
	text, err := f.goTest()
	if err != nil {
		return fmt.Errorf("the test of what was found: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, goFile(f.Name)), text, 0o644)
}

// goFile is the name of the file with the test: a name that ends like one of a system or a
// processor would hide it from others.
func goFile(scenario string) string { return strings.ReplaceAll(scenario, "-", "_") + "_found_test.go" }
