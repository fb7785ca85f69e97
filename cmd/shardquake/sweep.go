package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/scenarios"
)

// mostSeeds bounds a sweep on one machine.
const mostSeeds = 100_000

// parseSeeds reads "1-20".
func parseSeeds(s string) (from, to uint64, err error) {
	a, b, ok := strings.Cut(s, "-")
	from, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 64)
	to, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 64)
	if !ok || err1 != nil || err2 != nil || from == 0 || to < from || to-from >= mostSeeds {
		return 0, 0, fmt.Errorf("--seeds %q: expected FIRST-LAST from 1 on, at most %d of them, such as 1-20", s, mostSeeds)
	}
	return from, to, nil
}

// sweep runs a scenario with every seed, as many at once as there are processors:
// runs share nothing, so the order in which they end changes nothing.
func (f *runFlags) sweep(cmd *cobra.Command, s *scenarios.Loaded) error {
	from, to, err := parseSeeds(f.seeds)
	if err != nil {
		return exit.Usage(err)
	}
	dir := f.dir(s, "seeds-"+f.seeds)
	if err := reports.CheckDir(dir); err != nil {
		return exit.Usage(err)
	}
	if err := reports.Writable(dir); err != nil {
		return exit.Usage(err)
	}
	manyRuns()
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	all := make([]*reports.Report, to-from+1)
	group, ctx := errgroup.WithContext(cmd.Context())
	group.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	done := 0
	for i := range all {
		if ctx.Err() != nil { // nothing that begins now would come to an end
			break
		}
		group.Go(func() error {
			rep, err := f.sweepOne(ctx, s, from+uint64(i))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all[i] = rep
			done++
			progress.line("%s: %d of %d seeds", s.Name, done, len(all))
			return nil
		})
	}
	err = group.Wait()
	progress.done()
	finished := slices.DeleteFunc(slices.Clone(all), func(r *reports.Report) bool { return r == nil })
	interrupted := cmd.Context().Err() != nil && len(finished) < len(all)
	if err != nil && !(interrupted && len(finished) > 0) {
		return err
	}
	sum := reports.SweepOf(finished)
	replay := func(seed uint64) string { return f.command(s, seed) }
	shown := reports.SummaryOptions{Color: isTerminal(cmd.OutOrStdout()), Dir: dir}
	writeErr := f.keepSweep(cmd.Context(), s, dir, sum, finished, !interrupted)
	if writeErr != nil {
		shown.Dir = "" // there is nothing to look at
	}
	if err := reports.SweepSummary(cmd.OutOrStdout(), sum, replay(sum.Worst), shown); err != nil {
		return err
	}
	switch {
	case writeErr != nil: // the answer above is all that is left of the sweep, and it stands
		return exit.NotKept(sum.Verdict, writeErr)
	case interrupted:
		return &exit.Error{Code: exit.CodeAborted, Err: fmt.Errorf("aborted: %d of %d seeds were run, and are kept in %s", len(finished), len(all), dir)}
	}
	return exit.VerdictError(sum.Verdict)
}

// keepSweep writes the files of a sweep, with the whole report of its worst seed unless it was
// interrupted.
func (f *runFlags) keepSweep(ctx context.Context, s *scenarios.Loaded, dir string, sum *reports.Sweep, finished []*reports.Report, whole bool) error {
	records, err := f.sweepRecords(s, finished)
	if err != nil {
		return err
	}
	replay := func(seed uint64) string { return f.command(s, seed) }
	if err := reports.WriteSweep(dir, sum, finished, records, replay, whole); err != nil || !whole {
		return err
	}
	worst, err := runScenario(ctx, s, f.execution(sum.Worst), func(string, ...any) {}) // the same run again
	if err != nil {
		return err
	}
	_, err = reports.Write(filepath.Join(dir, reports.DirWorst), worst)
	return err
}

// sweepRecords are the runs of a sweep as lines of a history, which --history gets as well.
func (f *runFlags) sweepRecords(s *scenarios.Loaded, all []*reports.Report) ([]byte, error) {
	var records []compare.Record
	for _, r := range all {
		records = append(records, compare.RecordOf(r, compare.Origin{Branch: f.branch, Machine: machineClass(), Text: s.Text, Tolerance: s.Tolerance}))
	}
	var text bytes.Buffer
	if err := compare.WriteRecords(&text, records); err != nil {
		return nil, err
	}
	if f.history == "" {
		return text.Bytes(), nil
	}
	return text.Bytes(), appendHistory(f.history, records)
}

// command is what runs one seed of the sweep again.
func (f *runFlags) command(s *scenarios.Loaded, seed uint64) string {
	words := []string{"shardquake", "run", nameOf(s), "--seed", strconv.FormatUint(seed, 10)}
	if f.calibration != "" {
		words = append(words, "--calibration", f.calibration)
	}
	if f.scale != "" {
		words = append(words, "--scale", f.scale)
	}
	for _, set := range f.set {
		words = append(words, "--set", set)
	}
	return reports.CommandLine(words...)
}

func (f *runFlags) execution(seed uint64) execution {
	return execution{backend: f.backend, constants: f.constants, seed: seed, scale: f.scaleFor(f.backend)}
}

func (f *runFlags) sweepOne(ctx context.Context, s *scenarios.Loaded, seed uint64) (*reports.Report, error) {
	res, err := runScenario(ctx, s, f.execution(seed), func(string, ...any) {})
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	if res.Aborted != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, res.Aborted)
	}
	rep, _, err := reports.Traced(res)
	return rep, err
}
