//go:build mutants

package explore_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
)

var (
	mostPlans  = flag.Int("mutant-plans", 400, "how many plans a planted defect may take to be caught")
	mostSeeds  = flag.Int("mutant-seeds", 1, "how many searches are made for each defect")
	calmPlans  = flag.Int("calm-plans", 60, "how many plans are tried of each scenario without a defect")
	shrunk     = flag.String("shrunk", "", "a folder for a shrunk scenario of each defect")
	onlyMutant = flag.String("mutant", "", "only this defect")
)

// medianAtMost is how many plans half of the defects may take.
const medianAtMost = 50

// caught is what a search came to.
type caught struct {
	plans int // until the first that showed the defect; 0: none did
	by    string
}

// hunt looks for the plan that shows the defect that is planted.
func hunt(t *testing.T, d planted.Description, seed uint64, plans int) caught {
	t.Helper()
	l, err := scenarios.Load("testdata/mutants/"+d.Scenario+".yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	planted.Plant(d.Defect)
	defer planted.Plant("")
	tries := 0
	if *shrunk != "" && d.Defect != "" {
		tries = 100
	}
	r, err := explore.Search(context.Background(), explore.Config{
		Scenario: l, Vocabulary: catalog.Vocabulary(), Play: play, Seed: seed, Plans: plans, First: true,
		Workers: runtime.GOMAXPROCS(0), Tries: tries, Seeds: 0,
	})
	if err != nil { // it shows without any fault
		return caught{1, "an error without any fault: " + short(err.Error())}
	}
	var all []caught
	for _, f := range r.Found {
		if !f.Crash {
			all = append(all, caught{max(1, f.Nth), f.Claim})
		}
	}
	if tries > 0 && len(r.Found) > 0 {
		keep(t, d, r)
	}
	for _, c := range r.Crashes {
		all = append(all, caught{c.Nth, "an invariant of the model: " + short(c.Why)})
	}
	if len(all) == 0 {
		return caught{}
	}
	return slices.MinFunc(all, func(a, b caught) int { return cmp.Compare(a.plans, b.plans) })
}

// keep leaves the scenario of the first find, under the name of the defect.
func keep(t *testing.T, d planted.Description, r *explore.Result) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	text, err := os.ReadFile(filepath.Join(dir, r.Found[0].File))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(*shrunk, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(*shrunk, string(d.Defect)+".yaml"), text, 0o644))
}

// TestEachShrunkFileShowsItsMutantAndHoldsWithout runs the scenarios that are left of the finds.
func TestEachShrunkFileShowsItsMutantAndHoldsWithout(t *testing.T) {
	files, err := filepath.Glob("testdata/shrunk/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		l, err := scenarios.Load(file, nil, catalog.Vocabulary())
		require.NoError(t, err)
		res, err := play(t.Context(), l, l.Seed)
		require.NoError(t, err, file)
		assert.NotEqual(t, scenarios.Fail, res.Verdict, "%s without a defect: %+v", file, res.Outcomes)
		planted.Plant(planted.Defect(strings.TrimSuffix(filepath.Base(file), ".yaml")))
		res, err = play(t.Context(), l, l.Seed)
		planted.Plant("")
		assert.True(t, err != nil || res.Verdict == scenarios.Fail, "%s shows nothing", file)
	}
}

func short(text string) string {
	if len(text) > 90 {
		text = text[:90] + "…"
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// TestEachMutantIsCaught plants each defect in turn. Half of them must show within
// medianAtMost plans, and each within -mutant-plans.
func TestEachMutantIsCaught(t *testing.T) {
	const row = "%-32s %-11s %5v  %s\n"
	fmt.Printf(row, "defect", "room", "plans", "caught by")
	var counts []int
	for _, d := range planted.All() {
		if *onlyMutant != "" && string(d.Defect) != *onlyMutant {
			continue
		}
		for seed := range uint64(*mostSeeds) {
			c := hunt(t, d, seed+1, *mostPlans)
			if assert.NotZero(t, c.plans, "%s is not caught within %d plans", d.Defect, *mostPlans) {
				counts = append(counts, c.plans)
			}
			fmt.Printf(row, d.Defect, d.Room, c.plans, c.by)
		}
	}
	slices.Sort(counts)
	require.NotEmpty(t, counts)
	median := counts[len(counts)/2]
	fmt.Printf("%d searches, median %d plans, most %d\n", len(counts), median, counts[len(counts)-1])
	assert.LessOrEqual(t, median, medianAtMost)
}

func TestNothingIsFoundWithoutAMutant(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range planted.All() {
		if seen[d.Scenario] {
			continue
		}
		seen[d.Scenario] = true
		c := hunt(t, planted.Description{Scenario: d.Scenario}, 1, *calmPlans)
		assert.Zero(t, c.plans, "%s: %s", d.Scenario, c.by)
	}
}
