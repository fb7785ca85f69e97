package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
)

// exploreFlags are the words of a search.
type exploreFlags struct {
	limit   time.Duration
	plans   int
	seed    uint64
	workers int
	seeds   int
	tries   int
	set     []string
	corpus  string
	confirm string
	out     string
	asJSON  bool
	quiet   bool

	system string // the only one that is explored; "": all
}

// defaultPlans is how many are tried when nothing is said.
const defaultPlans = 200

func newExploreCommand() *cobra.Command {
	f := &exploreFlags{}
	cmd := &cobra.Command{
		Use:   "explore FILE|NAME",
		Short: "Look for the plan of faults that breaks what a scenario expects",
		Long: `Explore tries random plans of faults inside a budget (the file's explore: section, or
what suits the cluster) on the simulator, and judges each by the file's expectations and
claims. The first plan that breaks one is shrunk to as few faults as do it, tried with other
seeds, and written as a scenario that "shardquake run" takes.

Exit codes: 0 nothing found, 1 found, 2 bad file or usage, 4 interrupted (what was found is
kept), 5 no plan could be decided, 70 a plan ended with an error.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.add(cmd.Flags())
	return cmd
}

// newKVRehearseCommand is explore for key-value clusters, under the name that is theirs.
func newKVRehearseCommand() *cobra.Command {
	f := &exploreFlags{system: chaos.KeyValue}
	cmd := &cobra.Command{
		Use:   "rehearse FILE|NAME",
		Short: "Try random plans of faults on a simulated key-value cluster (shardquake explore)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var foreign error
			cmd.InheritedFlags().VisitAll(func(fl *pflag.Flag) {
				if fl.Changed {
					foreign = exit.Usagef("--%s is for clusters that run; rehearse simulates one", fl.Name)
				}
			})
			if foreign != nil {
				return foreign
			}
			return f.run(cmd, args[0])
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *exploreFlags) add(fl *pflag.FlagSet) {
	fl.DurationVar(&f.limit, "for", 0, "stop after the round in which this time is over, such as 10m")
	fl.IntVar(&f.plans, "plans", 0, fmt.Sprintf("how many plans (default %d without --for)", defaultPlans))
	fl.Uint64Var(&f.seed, "seed", 0, "seed of the plans, and of the first run (default: the scenario's)")
	fl.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "runs at once; the result is the same with any number")
	fl.IntVar(&f.seeds, "other-seeds", 20, "with how many other seeds a plan that was found is tried")
	fl.IntVar(&f.tries, "tries", 100, "how many runs the shrinking of a plan may take")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of the file: path=value")
	fl.StringVar(&f.corpus, "corpus", "", "folder of scenarios to run first, in which what is found is kept")
	fl.StringVar(&f.confirm, "confirm", "", "real: try what is found on real nodes, too, and say whether they agree")
	fl.StringVar(&f.out, "out", "", "folder for what is found (default shardquake-out/SCENARIO/explore-SEED)")
	fl.BoolVar(&f.asJSON, "json", false, "print "+reports.FileExplore+" in place of the summary")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
}

func (f *exploreFlags) check(fl *pflag.FlagSet) error {
	switch {
	case fl.Changed("for") && f.limit <= 0:
		return fmt.Errorf("--for %v: expected a time such as 10m", f.limit)
	case fl.Changed("plans") && f.plans < 1:
		return fmt.Errorf("--plans %d: expected a number from 1 on", f.plans)
	case fl.Changed("seed") && f.seed == 0:
		return errors.New("--seed 0: seeds are numbers from 1 on")
	case f.workers < 1:
		return fmt.Errorf("--workers %d: expected a number from 1 on", f.workers)
	case f.confirm != "" && f.confirm != "real":
		return fmt.Errorf("--confirm %q: expected real", f.confirm)
	case f.seeds < 0 || f.tries < 0:
		return errors.New("--other-seeds and --tries are numbers from 0 on")
	}
	return nil
}

// config is the search that the words ask for.
func (f *exploreFlags) config(cmd *cobra.Command, name string) (explore.Config, error) {
	cfg := explore.Config{Vocabulary: catalog.Vocabulary(), Plans: f.plans, For: f.limit, Workers: f.workers, Seeds: f.seeds, Tries: f.tries, Play: play, Watch: watch}
	if err := f.check(cmd.Flags()); err != nil {
		return cfg, err
	}
	if f.plans == 0 && f.limit == 0 {
		cfg.Plans = defaultPlans
	}
	var err error
	if cfg.Scenario, err = scenarios.Load(name, f.set, cfg.Vocabulary); err != nil {
		return cfg, err
	}
	if f.system != "" && cfg.Scenario.System != f.system {
		return cfg, fmt.Errorf("%s describes a cluster of system %q; expected %s, or shardquake explore", cfg.Scenario.File, cfg.Scenario.System, f.system)
	}
	cfg.Seed = cfg.Scenario.Seed
	if f.seed != 0 {
		cfg.Seed = f.seed
	}
	if f.corpus != "" {
		cfg.Corpus, err = explore.ReadCorpus(f.corpus, cfg.Vocabulary)
	}
	return cfg, err
}

// play is a run on the simulator, without a report.
func play(ctx context.Context, s *scenarios.Loaded, seed uint64) (*scenarios.Result, error) {
	return runScenario(ctx, s, execution{backend: "sim", seed: seed, scale: scenarios.AsDescribed}, func(string, ...any) {})
}

// watch is play with somebody who is told of every event.
func watch(ctx context.Context, s *scenarios.Loaded, seed uint64, tell func(scenarios.Event)) (*scenarios.Result, error) {
	return runScenario(ctx, s, execution{backend: "sim", seed: seed, scale: scenarios.AsDescribed, onEvent: tell}, func(string, ...any) {})
}

// confirmation tries what is found on real nodes. Its journals stand next to the folder, so that
// shardquake clean can undo what an interrupted one left in force.
func confirmation(dir string) (*explore.Confirmation, error) {
	backend, err := catalog.Backend("real")
	if err != nil {
		return nil, err
	}
	return &explore.Confirmation{Backend: backend, Play: func(ctx context.Context, s *scenarios.Loaded) (*scenarios.Result, error) {
		return runScenario(ctx, s, execution{backend: "real", seed: s.Seed, scale: scenarios.AsReal, dir: filepath.Join(dir, "real-"+s.Name)}, func(string, ...any) {})
	}}, nil
}

func (f *exploreFlags) run(cmd *cobra.Command, name string) error {
	cfg, err := f.config(cmd, name)
	if err != nil {
		return exit.Usage(err)
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("shardquake-out", cfg.Scenario.Name, "explore-"+strconv.FormatUint(cfg.Seed, 10))
	}
	if err := errors.Join(reports.CheckDir(dir), reports.Writable(dir)); err != nil {
		return exit.Usage(err)
	}
	if f.corpus != "" {
		if err := reports.Writable(f.corpus); err != nil {
			return exit.Usage(err)
		}
	}
	manyRuns()
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	if f.confirm != "" {
		if cfg.Confirm, err = confirmation(dir); err != nil {
			return err
		}
	}
	cfg.Progress = func(p explore.Progress) { progress.line("%s", f.progress(cfg, p)) }
	result, err := explore.Search(cmd.Context(), cfg)
	progress.done()
	if err != nil {
		return err
	}
	if err := explore.Write(dir, f.corpus, result); err != nil {
		return exit.Usage(err)
	}
	out := cmd.OutOrStdout()
	if f.asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(result)
	} else {
		err = explore.Summary(out, result, dir)
	}
	if err != nil {
		return err
	}
	return explored(result, dir)
}

// progress is how far a search is, on a line.
func (f *exploreFlags) progress(cfg explore.Config, p explore.Progress) string {
	text := fmt.Sprintf("%s: %d plans", cfg.Scenario.Name, p.Plans)
	if cfg.Plans > 0 {
		text = fmt.Sprintf("%s: %d of %d plans", cfg.Scenario.Name, p.Plans, cfg.Plans)
	}
	text += fmt.Sprintf(", %d found", p.Found)
	if p.Doing != "" {
		return text + ", " + p.Doing
	}
	if p.Left >= 0 {
		text += fmt.Sprintf(", about %s left", p.Left.Round(time.Second))
	}
	return text
}

// explored is the exit of a search.
func explored(r *explore.Result, dir string) error {
	switch {
	case r.Aborted:
		return &exit.Error{Code: exit.CodeAborted, Err: fmt.Errorf("interrupted: %d plans were tried, and what they found is kept in %s", r.Plans.All(), dir)}
	case r.Broken() > 0:
		return &exit.Error{Code: exit.CodeFail}
	case r.Plans.Crashed > 0:
		return &exit.Error{Code: exit.CodeDefect}
	case r.Plans.Held == 0:
		return &exit.Error{Code: exit.CodeUnknown}
	}
	return nil
}
