package compare

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordings are runs of one program on real nodes, in the order in which they were made: of
// key-value processes while the machine was busy with other things as well, of Elasticsearch
// 8.19.0 in containers on two processors that did nothing else. They were recorded with
//
//	shardquake run testdata/kv-node-lost-short.yaml --backend real --no-sim --seed N --history testdata/real-runs.jsonl
//	shardquake run testdata/es-node-lost-short.yaml --backend real --no-sim --seed N --history testdata/es-real-runs.jsonl
var recordings = []string{"real-runs.jsonl", "es-real-runs.jsonl"}

// ofEach has a test of each recording.
func ofEach(t *testing.T, test func(t *testing.T, all []Record)) {
	t.Helper()
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", name))
			require.NoError(t, err)
			defer f.Close() //nolint:errcheck // reading only
			all, bad, err := ReadRecords(f)
			require.NoError(t, err)
			require.Empty(t, bad)
			require.GreaterOrEqual(t, len(all), 20, "there is something to choose from")
			test(t, all)
		})
	}
}

// A comparison of real runs looks at four of each side, then at eight.
const realRuns, realLooks = 8, 2

// alarmOf plays a comparison of two sides of real runs; it names a figure in which they are
// said to differ, of those that gate and of the rest.
func alarmOf(t *testing.T, a, b []Record) (gating, rest string) {
	t.Helper()
	for look := 1; look <= realLooks; look++ {
		n := realRuns >> (realLooks - look)
		r, err := Judge("a", map[string][]Record{"a": a[:n], "b": b[:n]}, []string{"b"}, Options{Look: look, Looks: realLooks})
		require.NoError(t, err)
		require.InDelta(t, LevelReal, r.Level, 0)
		s := only(t, r)
		if v := s.Verdicts.Verdict; v == Worse || v == Better {
			gating = "expectations"
		}
		for _, row := range s.Rows {
			if v := row.Verdict; v == Worse || v == Better || v == Differs {
				if row.Gates {
					gating = row.Name
				} else {
					rest = row.Name
				}
			}
		}
	}
	return gating, rest
}

// split deals runs to two sides in turn, as they are interleaved when sides are compared.
func split(runs []Record) (a, b []Record) {
	for i, r := range runs {
		if i%2 == 0 {
			a = append(a, r)
		} else {
			b = append(b, r)
		}
	}
	return a, b
}

// Runs of the same program are dealt to two sides again and again, drawn from the recorded
// ones without putting back. More than one alarm in a hundred would be one too many.
func TestRealRunsOfTheSameProgramSeldomDiffer(t *testing.T) {
	ofEach(t, func(t *testing.T, all []Record) {
		random := rand.New(rand.NewPCG(3, 15))
		gating, rest := 0, 0
		const tries = 1000
		for range tries {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			a, b := split(all[:2*realRuns])
			g, r := alarmOf(t, a, b)
			if g != "" {
				gating++
			}
			if r != "" {
				rest++
			}
		}
		t.Logf("%d runs, %d alarms of what gates and %d of the rest in %d", len(all), gating, rest, tries)
		assert.LessOrEqual(t, gating, tries/100)
		assert.LessOrEqual(t, rest, tries/100)
	})
}

// In the order in which they were made, with whatever the machine did meanwhile.
func TestInterleavedRealRunsDoNotDifferInAnyStretchOfTheRecording(t *testing.T) {
	ofEach(t, func(t *testing.T, all []Record) {
		for from := range len(all) - 2*realRuns + 1 {
			a, b := split(all[from : from+2*realRuns])
			g, r := alarmOf(t, a, b)
			assert.Empty(t, g+r, fmt.Sprintf("runs %d to %d", from+1, from+2*realRuns))
		}
	})
}

// A test that never finds anything has no false alarms either.
func TestASlowdownOfRealRunsIsFound(t *testing.T) {
	ofEach(t, func(t *testing.T, all []Record) {
		random := rand.New(rand.NewPCG(4, 15))
		found := 0
		const tries = 100
		for range tries {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			a, b := split(all[:2*realRuns])
			g, _ := alarmOf(t, a, slowed(b, 1.5))
			if g != "" {
				found++
			}
		}
		t.Logf("found in %d of %d", found, tries)
		assert.GreaterOrEqual(t, found, tries*95/100)
	})
}

// slowed are runs in which everything that takes time took this many times as long.
func slowed(all []Record, times float64) []Record {
	var out []Record
	for _, r := range all {
		figures := r.Figures
		r.Figures = nil
		for _, f := range figures {
			if f.Unit == "s" {
				f.Value *= times
			}
			r.Figures = append(r.Figures, f)
		}
		out = append(out, r)
	}
	return out
}
