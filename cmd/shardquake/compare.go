package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/scenarios"
)

// compareFlags are the words of compare.
type compareFlags struct {
	policies []string
	seeds    string
	set      []string
	format   string
	quiet    bool

	sides   []string
	limit   int
	level   float64
	failOn  string
	history string
	branch  string
	out     string
}

// compareFormats are how a comparison can be printed.
var compareFormats = [...]string{"text", "markdown", "json", "html", "junit", "github"}

func newCompareCommand() *cobra.Command {
	var f compareFlags
	schema := false
	cmd := &cobra.Command{
		Use:   "compare [FILE|NAME… | DIR…]",
		Short: "Did a change make it worse? Sides, folders of runs, or policies compared",
		Long: `With --side, compare runs scenarios (none: the library) for each side and answers for each
figure: better, worse, same within a tolerance, or undecided. The first side is the base; with
one side the base is the scenario as it is. A side is LABEL=set:path=value,… or LABEL=bin:PATH
(another shardquake) or LABEL=real or LABEL=sim. Equal traces are unchanged; simulated runs are paired
by seed, and seeds double from 8 to --limit until all that gates is decided. Real runs are
interleaved. With folders of runs or sweeps as arguments, the folders are the sides.

Without sides it compares policies: it runs scenarios on the simulator with each policy in their controllers' place
and prints one table: balance at the end and on average, moves, thrash, bytes and a
lower bound on them (ideal), time to recover. Without names it takes every scenario of
the library whose controller has a policy that acts.

Exit codes with sides: 1 worse, 5 undecided (with --fail-on undecided), else 0.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if schema {
				return printCompareSchema(cmd, args)
			}
			folders, err := areFolders(args)
			if err != nil {
				return exit.Usage(err)
			}
			if folders || len(f.sides) > 0 {
				return f.compareSides(cmd, args, folders)
			}
			for _, name := range []string{"limit", "level", "fail-on", "history", "branch", "out"} {
				if cmd.Flags().Changed(name) {
					return exit.Usagef("--%s goes with --side or with folders", name)
				}
			}
			return f.compare(cmd, args)
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.policies, "policies", []string{"threshold", "variance", "hotspot", "disk", "none"}, "policies to compare")
	fl.StringVar(&f.seeds, "seeds", "1-3", "run with each of these seeds, A-B, and show means")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of every file: path=value")
	fl.StringVar(&f.format, "format", "text", strings.Join(compareFormats[:], ", "))
	fl.StringArrayVar(&f.sides, "side", nil, "LABEL=set:path=value,… | LABEL=bin:PATH | LABEL=real | LABEL=sim; the first is the base")
	fl.IntVar(&f.limit, "limit", 0, "most seeds of a scenario and side (default 64; real: 8 runs)")
	fl.Float64Var(&f.level, "level", 0, "chance of a false alarm over all that gates (default 0.05; real 0.01)")
	fl.StringVar(&f.failOn, "fail-on", failOnWorse, "worse, undecided (worse too) or never: what the exit code tells of")
	fl.StringVar(&f.history, "history", "", "append a line per run to this file, for shardquake trend")
	fl.StringVar(&f.branch, "branch", "", "branch to note in the history, such as main")
	fl.StringVar(&f.out, "out", "", "folder for the comparison in every form")
	fl.BoolVar(&schema, "schema", false, "print the JSON schema of --format json with sides, and nothing else")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return cmd
}

// printCompareSchema prints what a comparison in JSON looks like.
func printCompareSchema(cmd *cobra.Command, args []string) error {
	if len(args) > 0 || cmd.Flags().NFlag() > 1 {
		return exit.Usagef("--schema stands alone: it prints the schema, and compares nothing")
	}
	text, err := compare.JSONSchema()
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}

func (f *compareFlags) compare(cmd *cobra.Command, args []string) error {
	if !slices.Contains(compareFormats[:], f.format) {
		return exit.Usagef("%s", source.Unknown("format", f.format, compareFormats[:]))
	}
	voc := catalog.Vocabulary()
	for _, p := range f.policies {
		if !slices.Contains(voc.Policies, p) {
			return exit.Usagef("--policies: %s", source.Unknown("policy", p, voc.Policies))
		}
	}
	from, to, err := parseSeeds(f.seeds)
	if err != nil {
		return exit.Usage(err)
	}
	chosen, err := f.scenarios(args, voc)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"text", "markdown", "json", "html"}, f.format) {
		return exit.Usagef("--format %s goes with --side or with folders", f.format)
	}
	var runs []policyRun
	for _, s := range chosen {
		for _, p := range f.policies {
			for seed := from; seed <= to; seed++ {
				runs = append(runs, policyRun{s.WithPolicy(p), p, seed})
			}
		}
	}
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	all, err := runPolicies(cmd.Context(), runs, progress)
	progress.done()
	if err != nil {
		return err
	}
	return printPolicies(cmd.OutOrStdout(), reports.ComparePolicies(all), f.format)
}

// scenarios are those named, or those of the library that fit.
func (f *compareFlags) scenarios(names []string, voc scenarios.Vocabulary) ([]*scenarios.Loaded, error) {
	named := len(names) > 0
	if !named {
		names = scenarios.Library()
	}
	var out []*scenarios.Loaded
	for _, name := range names {
		s, err := scenarios.Load(name, f.set, voc)
		if err != nil {
			return nil, exit.Usage(err)
		}
		switch {
		case s.Balances():
			out = append(out, s)
		case named:
			return nil, exit.Usagef("%s has no controller with a policy that acts, so there is nothing to compare", name)
		}
	}
	return out, nil
}

// policyRun is one run of a comparison.
type policyRun struct {
	scenario *scenarios.Loaded
	policy   string
	seed     uint64
}

// runPolicies runs as many at once as there are processors; the reports stand in the order
// of the runs.
func runPolicies(ctx context.Context, runs []policyRun, progress *progress) ([]*reports.Report, error) {
	all := make([]*reports.Report, len(runs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	done := 0
	for i, r := range runs {
		group.Go(func() error {
			rep, err := r.run(ctx)
			if err != nil {
				return fmt.Errorf("%s with policy %s and seed %d: %w", r.scenario.Name, r.policy, r.seed, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all[i] = rep
			done++
			progress.line("%d of %d runs", done, len(all))
			return nil
		})
	}
	return all, group.Wait()
}

func (r policyRun) run(ctx context.Context) (*reports.Report, error) {
	res, err := runScenario(ctx, r.scenario, execution{backend: "sim", seed: r.seed, scale: scenarios.AsDescribed}, func(string, ...any) {})
	if err != nil {
		return nil, err
	}
	if res.Aborted != nil {
		return nil, res.Aborted
	}
	return reports.Build(res)
}

func printPolicies(out io.Writer, c *reports.Policies, format string) error {
	var text []byte
	var err error
	switch format {
	case "markdown":
		text = reports.PoliciesMarkdown(c)
	case "json":
		text, err = reports.PoliciesJSON(c)
	case "html":
		text, err = reports.PoliciesHTML(c)
	default:
		return reports.PoliciesText(out, c)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}
