package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/reports/divergence"
	"github.com/shardquake/shardquake/scenarios"
)

// What --fail-on may say.
const (
	failOnWorse     = "worse"
	failOnUndecided = "undecided"
	failOnNever     = "never"
)

// compareFormats are how a comparison can be printed.
var compareFormats = [...]string{"text", "markdown", "json", "html", "junit", "github"}

// commandStep is how far a cluster's time moves after each request of a side's command, unless
// --step says otherwise.
const commandStep = 5 * time.Second

// Runs that a comparison begins with, and how far they double unless --limit says otherwise.
const (
	firstSeeds, mostPairs = 8, 64
	firstReal, mostReal   = 4, 8
)

// compareSides answers whether contenders are worse than the base.
func (f *compareFlags) compareSides(cmd *cobra.Command, args []string, folders bool) error {
	if !slices.Contains([]string{failOnWorse, failOnUndecided, failOnNever}, f.failOn) {
		return exit.Usagef("--fail-on: %s", source.Unknown("answer", f.failOn, []string{failOnWorse, failOnUndecided, failOnNever}))
	}
	if !slices.Contains(compareFormats[:], f.format) {
		return exit.Usagef("%s", source.Unknown("format", f.format, compareFormats[:]))
	}
	if f.seeds != "" && (folders || f.limit > 0) {
		return exit.Usagef("--seeds says which runs are made: it goes neither with folders of runs nor with --limit")
	}
	if f.limit < 0 || f.level < 0 || f.level >= 1 {
		return exit.Usagef("--limit %d, --level %g: expected a number of runs, and a probability below 1", f.limit, f.level)
	}
	c := &comparison{flags: f, records: map[string][]compare.Record{}, files: map[string]string{}, traces: map[traceKey]func(context.Context) ([]byte, error){}}
	var result *compare.Result
	var err error
	switch {
	case isHistory(args):
		if f.history != "" || f.limit > 0 || f.seeds != "" {
			return exit.Usagef("a history is compared as it is: --history, --limit and --seeds go with runs that are made")
		}
		result, err = c.ofHistory(args[0])
	case folders:
		if len(f.sides) > 0 || len(args) < 2 {
			return exit.Usagef("folders are the sides: name at least two, and no --side")
		}
		result, err = c.ofFolders(args)
	default:
		if c.sides, err = f.sidesAsked(); err != nil {
			return exit.Usage(err)
		}
		if done, err := f.realAgainstSim(cmd, c.sides, args); done {
			return err
		}
		manyRuns()
		c.progress = newProgress(cmd.ErrOrStderr(), f.quiet)
		result, err = c.ofRuns(cmd.Context(), args)
		c.progress.done()
	}
	if result == nil {
		return err
	}
	if f.history != "" {
		err = errors.Join(err, c.keep(result))
	}
	c.explain(cmd.Context(), result)
	if writeErr := f.print(cmd.OutOrStdout(), result); writeErr != nil {
		return exit.Usage(writeErr)
	}
	if err != nil {
		return err
	}
	switch {
	case f.failOn != failOnNever && result.Verdict == compare.Worse:
		return &exit.Error{Code: exit.CodeFail}
	case f.failOn == failOnUndecided && result.Verdict == compare.Undecided:
		return &exit.Error{Code: exit.CodeUnknown}
	}
	return nil
}

// sidesAsked are the sides, or the policies as such.
func (f *compareFlags) sidesAsked() ([]sideSpec, error) {
	if f.ofPolicies {
		return f.policySides()
	}
	return f.parseSides()
}

// parseSides reads the sides; one alone is compared with the scenario as it is.
func (f *compareFlags) parseSides() ([]sideSpec, error) {
	var sides []sideSpec
	for _, text := range f.sides {
		s, err := parseSide(text)
		if err != nil {
			return nil, err
		}
		if len(f.sides) == 1 {
			base := sideSpec{label: "base", backend: "sim"}
			if s.bin != "" || len(s.set) > 0 {
				base.backend = s.backend
			}
			sides = append(sides, base)
		}
		if slices.ContainsFunc(sides, func(o sideSpec) bool { return o.label == s.label }) {
			return nil, fmt.Errorf("--side: two sides are called %s", s.label)
		}
		s.foreign.Step = f.step
		sides = append(sides, s)
	}
	commands := slices.ContainsFunc(sides, func(s sideSpec) bool { return s.foreign.Command != "" })
	switch {
	case !commands && f.step != commandStep:
		return nil, errors.New("--step says how time goes for the command of a side LABEL=cmd:COMMAND, which is missing")
	case f.step <= 0:
		return nil, fmt.Errorf("--step %v: expected a time such as 5s", f.step)
	}
	return sides, nil
}

// realAgainstSim leaves the comparison of the simulator with real nodes to fidelity.
func (f *compareFlags) realAgainstSim(cmd *cobra.Command, sides []sideSpec, args []string) (done bool, err error) {
	reals := 0
	for _, s := range sides {
		if s.backend == "real" {
			reals++
		}
	}
	if reals == 0 || reals == len(sides) {
		return false, nil
	}
	if len(sides) != 2 || len(args) != 1 || len(sides[0].set)+len(sides[1].set) > 0 || sides[0].bin+sides[1].bin+sides[0].foreign.Command+sides[1].foreign.Command != "" {
		return true, exit.Usagef("real against simulated nodes: name one scenario and the two sides real and sim")
	}
	s, err := loadRecordable(args[0], f.set)
	if err != nil {
		return true, exit.Usage(err)
	}
	fid := &fidelityFlags{runs: 3, seeds: "1-10", set: f.set, out: f.out, quiet: f.quiet}
	return true, fid.compare(cmd, s)
}

// traceKey names a run whose trace can be had.
type traceKey struct {
	side, scenario string
	seed           uint64
}

// comparison is the state of one.
type comparison struct {
	flags    *compareFlags
	sides    []sideSpec
	progress *progress

	mu      sync.Mutex
	records map[string][]compare.Record // by side
	files   map[string]string
	traces  map[traceKey]func(context.Context) ([]byte, error)
	notes   []string

	policies policyRuns // empty where the sides are none
}

// ofRuns makes runs until all that gates is decided or the limit is reached. After an
// interrupt the result is of what was done, and the error says so.
func (c *comparison) ofRuns(ctx context.Context, names []string) (*compare.Result, error) {
	named := len(names) > 0
	if !named {
		names = scenarios.Library()
	}
	if c.flags.ofPolicies {
		var err error
		if names, err = balancing(names, named, c.flags.set); err != nil {
			return nil, err
		}
	}
	open := make(map[string]string) // scenario → as it was asked for
	for _, n := range names {
		s, err := scenarios.Load(n, c.flags.set, catalog.Vocabulary())
		if err != nil {
			return nil, exit.Usage(err)
		}
		open[s.Name] = n
		if !s.Shipped {
			c.files[s.Name] = n
		}
	}
	plan, err := c.looks()
	if err != nil {
		return nil, err
	}
	done := plan.before
	for look, n := 1, plan.first; ; look, n = look+1, min(2*n, plan.most) {
		var runs []sideRun
		for seed := done + 1; seed <= n; seed++ {
			for _, name := range names {
				if !slices.ContainsFunc(mapValues(open), func(v string) bool { return v == name }) {
					continue
				}
				for _, s := range c.sides {
					runs = append(runs, sideRun{s, name, c.flags.set, uint64(seed)})
				}
			}
		}
		before := c.count()
		err := c.runAll(ctx, runs)
		result, judgeErr := c.judge(compare.Options{Level: c.flags.level, Look: look, Looks: plan.looks, Files: c.files})
		if err != nil {
			if ctx.Err() != nil && judgeErr == nil {
				result.Notes = append(result.Notes, fmt.Sprintf("interrupted: %d of %d runs of this look were made", c.count()-before, len(runs)))
				return result, &exit.Error{Code: exit.CodeAborted, Err: errors.New("aborted before all runs were made")}
			}
			return nil, err
		}
		if judgeErr != nil {
			return nil, exit.Usage(judgeErr)
		}
		done = n
		open = undecided(result, open)
		if len(open) == 0 || n == plan.most {
			return result, nil
		}
	}
}

// looks are how a sample grows: from the seeds after before to first, then to most.
type looks struct{ before, first, most, looks int }

// looks are as many as doublings fit below the limit, or one where the seeds are given.
func (c *comparison) looks() (looks, error) {
	if c.flags.seeds != "" {
		from, to, err := parseSeeds(c.flags.seeds)
		if err != nil {
			return looks{}, exit.Usage(err)
		}
		return looks{int(from) - 1, int(to), int(to), 1}, nil
	}
	out := looks{first: firstSeeds, most: mostPairs, looks: 1}
	if c.sides[0].backend == "real" {
		out.first, out.most = firstReal, mostReal
	}
	if c.flags.limit > 0 {
		out.most = c.flags.limit
		out.first = min(out.first, out.most)
	}
	for n := out.first; n < out.most; n *= 2 {
		out.looks++
	}
	return out, nil
}

func mapValues(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// undecided keeps the scenarios that need more runs.
func undecided(r *compare.Result, open map[string]string) map[string]string {
	out := make(map[string]string)
	for _, c := range r.Contenders {
		for _, s := range c.Scenarios {
			if name, ok := open[s.Name]; ok && s.Verdict == compare.Undecided {
				out[s.Name] = name
			}
		}
	}
	return out
}

func (c *comparison) count() int {
	n := 0
	for _, r := range c.records {
		n += len(r)
	}
	return n
}

// runAll makes runs, simulated ones as many at once as there are processors, real ones one
// after the other in their order, which is interleaved.
func (c *comparison) runAll(ctx context.Context, runs []sideRun) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	if c.sides[0].backend == "real" {
		group.SetLimit(1)
	}
	ran := make([]*sideRan, len(runs))
	begun := time.Now()
	done := 0
	for i, r := range runs {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			out, err := r.run(ctx, compare.Origin{Branch: c.flags.branch})
			if err != nil {
				return fmt.Errorf("%s, side %s, seed %d: %w", r.name, r.side.label, r.seed, err)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			out.trace = nil // made again where it is needed
			if r.side.policy == "" {
				out.report = nil
			}
			ran[i] = &out
			done++
			left := time.Since(begun) / time.Duration(done) * time.Duration(len(runs)-done)
			c.progress.line("%d of %d runs, %s left", done, len(runs), left.Round(time.Second))
			return nil
		})
	}
	err := group.Wait()
	for i, out := range ran { // in the order of the runs, whichever ended first
		if out == nil {
			continue
		}
		r, rec := runs[i], out.record
		c.records[r.side.label] = append(c.records[r.side.label], rec)
		if r.side.policy != "" {
			c.policies.add(out.report)
		}
		if r.side.backend == "sim" {
			c.traces[traceKey{r.side.label, rec.Scenario, rec.Seed}] = func(ctx context.Context) ([]byte, error) {
				again, err := r.run(ctx, compare.Origin{})
				return again.trace, err
			}
		}
	}
	return err
}

// judge compares every side with the first.
func (c *comparison) judge(opt compare.Options) (*compare.Result, error) {
	var contenders []string
	for _, s := range c.sides[1:] {
		contenders = append(contenders, s.label)
	}
	result, err := compare.Judge(c.sides[0].label, c.records, contenders, opt)
	if err != nil {
		return nil, err
	}
	result.Notes = append(result.Notes, c.notes...)
	if len(c.policies.reports) > 0 {
		result.Policies = reports.ComparePolicies(c.policies.reports)
	}
	return result, nil
}

// explain finds where the worst pair of what got worse parts.
func (c *comparison) explain(ctx context.Context, result *compare.Result) {
	for i := range result.Contenders {
		con := &result.Contenders[i]
		for j := range con.Scenarios {
			s := &con.Scenarios[j]
			if s.Verdict != compare.Worse || s.Worst == 0 || ctx.Err() != nil {
				continue
			}
			a, err := c.trace(ctx, traceKey{result.Base, s.Name, s.Worst})
			if err != nil {
				s.Warnings = append(s.Warnings, "why it got worse is not known: "+err.Error())
				continue
			}
			b, err := c.trace(ctx, traceKey{con.Label, s.Name, s.Worst})
			if err == nil {
				s.Why, err = divergence.Of([2]string{result.Base, con.Label}, a, b)
			}
			if err != nil {
				s.Warnings = append(s.Warnings, "why it got worse is not known: "+err.Error())
			}
		}
	}
}

func (c *comparison) trace(ctx context.Context, k traceKey) ([]byte, error) {
	of, ok := c.traces[k]
	if !ok {
		return nil, fmt.Errorf("the trace of %s with seed %d was not kept", k.side, k.seed)
	}
	return of(ctx)
}

// keep appends the runs to the history.
func (c *comparison) keep(result *compare.Result) error {
	var all []compare.Record
	for _, s := range c.sides {
		for _, r := range c.records[s.label] {
			r.Look, r.Looks = result.Look, result.Looks
			all = append(all, r)
		}
	}
	return appendHistory(c.flags.history, all)
}

// appendHistory adds records to a file, which is made where it is missing.
func appendHistory(path string, records []compare.Record) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if err := compare.WriteRecords(f, records); err != nil {
		_ = f.Close()
		return fmt.Errorf("history %s: %w", path, err)
	}
	return f.Close()
}

// print writes the comparison in the form that was asked for, and in every form into --out.
func (f *compareFlags) print(out io.Writer, r *compare.Result) error {
	if f.out != "" {
		if err := os.MkdirAll(f.out, 0o755); err != nil {
			return err
		}
		for name, form := range map[string]string{"compare.json": "json", "compare.html": "html", "compare.md": "markdown", "junit.xml": "junit"} {
			text, err := render(r, form)
			if err == nil {
				err = os.WriteFile(filepath.Join(f.out, name), text, 0o644)
			}
			if err != nil {
				return err
			}
		}
	}
	if f.format == "text" {
		return r.Text(out)
	}
	text, err := render(r, f.format)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func render(r *compare.Result, form string) ([]byte, error) {
	switch form {
	case "json":
		return r.JSON()
	case "html":
		return r.HTML()
	case "junit":
		return r.JUnit()
	case "github":
		return r.GitHub(), nil
	}
	return r.Markdown(), nil
}
