package scenariotest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/reports/quantity"
)

// Side is one side of a comparison: how its runs differ from the scenario as it is.
type Side []Option

// Seeds and looks of a comparison: seeds double from the first number to the last.
const (
	firstSeeds = 8
	mostSeeds  = 64
)

// Compare runs a scenario for both sides, paired by seed and with as many seeds as it takes,
// and fails the test when the contender is worse in what gates. What could not be decided is
// logged, and is in the result.
func Compare(t *testing.T, nameOrPath string, base, contender Side) *compare.Result {
	t.Helper()
	sides := map[string][]compare.Record{}
	looks := 1
	for n := firstSeeds; n < mostSeeds; n *= 2 {
		looks++
	}
	var result *compare.Result
	for look, n := 1, firstSeeds; look <= looks; look, n = look+1, 2*n {
		for _, side := range []struct {
			label string
			opts  Side
		}{{"base", base}, {"contender", contender}} {
			label := side.label
			records, err := recordsOf(t.Context(), nameOrPath, side.opts, uint64(len(sides[label])+1), uint64(n))
			if err != nil {
				t.Fatalf("%s: %v", label, err)
			}
			sides[label] = append(sides[label], records...)
		}
		var err error
		if result, err = compare.Judge("base", sides, []string{"contender"}, compare.Options{Look: look, Looks: looks}); err != nil {
			t.Fatal(err)
		}
		if result.Verdict != compare.Undecided {
			break
		}
	}
	var text strings.Builder
	if err := result.Text(&text); err != nil {
		t.Fatal(err)
	}
	if result.Verdict == compare.Worse {
		t.Errorf("%s", text.String())
	} else {
		t.Logf("%s", text.String())
	}
	return result
}

// recordsOf runs a side with these seeds, as many at once as there are processors.
func recordsOf(ctx context.Context, nameOrPath string, opts []Option, from, to uint64) ([]compare.Record, error) {
	out := make([]compare.Record, to-from+1)
	group, ctx := errgroup.WithContext(ctx) //determinism:allow goroutine seeds share nothing, and the records stand in their order
	group.SetLimit(runtime.GOMAXPROCS(0))   //determinism:allow machine how many run at once changes no result
	for i := range out {
		group.Go(func() error {
			o := choose(append(append([]Option(nil), opts...), Seed(from+uint64(i))))
			s, err := o.load(nameOrPath)
			if err != nil {
				return err
			}
			res, err := o.start(ctx, s, nil)
			if err != nil {
				return err
			}
			if res.Aborted != nil {
				return res.Aborted
			}
			rep, _, err := reports.Traced(res)
			if err != nil {
				return err
			}
			out[i] = compare.RecordOf(rep, compare.Origin{Text: s.Text, Tolerance: s.Tolerance})
			return nil
		})
	}
	return out, group.Wait()
}

// RunSeeds is [Run] with each of these seeds, as parallel subtests.
func RunSeeds(t *testing.T, nameOrPath string, from, to uint64, opts ...Option) {
	t.Helper()
	for seed := from; seed <= to; seed++ {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			t.Parallel()
			Run(t, nameOrPath, append(append([]Option(nil), opts...), Seed(seed))...)
		})
	}
}

// Benchmark runs a scenario once a round, each with the next seed, and reports what benchstat
// reads: time to green, relocations, bytes moved.
func Benchmark(b *testing.B, nameOrPath string, opts ...Option) {
	b.Helper()
	var green, moves, bytes float64
	n := 0.0
	for b.Loop() {
		n++
		records, err := recordsOf(b.Context(), nameOrPath, opts, uint64(n), uint64(n))
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range records[0].Figures {
			switch f.Name {
			case quantity.TimeToGreen:
				green += f.Value
			case quantity.Moves:
				moves += f.Value
			case quantity.BytesCopied:
				bytes += f.Value
			}
		}
	}
	b.ReportMetric(green/n, "s-to-green/op")
	b.ReportMetric(moves/n, "moves/op")
	b.ReportMetric(bytes/n, "bytes-moved/op")
}
