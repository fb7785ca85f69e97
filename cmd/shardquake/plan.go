package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/losses"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// planFlags are the words that vary a plan.
type planFlags struct {
	seeds, workers int
	pairs, quiet   bool
	set, change    []string
	out            string
	survive        []string
	yellow, green  units.Duration
	disk           string
}

func newPlanCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan FILE|NAME",
		Short: "What a cluster can lose: every node, zone and the master, against objectives",
		Long: `Plan loses each node, each value of each awareness attribute and the master of a
described or imported cluster, every loss in a simulated run with the same seeds, and says
first whether the objectives hold and what the worst case is. Objectives stand in the file
(objectives:) or in flags. With --change it does so with and without a change, in one
table. Exit codes are those of run.`,
		Example: `  shardquake plan mine.yaml --survive node,zone --green-within 30m --disk-below high
  shardquake plan mine.yaml --change 'cluster.settings."index.number_of_replicas"=2'
  shardquake plan mine.yaml --pairs --seeds 10`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.IntVar(&f.seeds, "seeds", planning.DefaultRuns, "so many seeds for every loss, from 1 on")
	fl.IntVar(&f.workers, "workers", 0, "runs at once (default: one for each processor)")
	fl.BoolVar(&f.pairs, "pairs", false, "lose every pair of nodes, too")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of the file: path=value")
	fl.StringArrayVar(&f.change, "change", nil, "compare with the cluster after this change: path=value, as in --set")
	fl.StringSliceVar(&f.survive, "survive", nil, "losses that must not leave anything red: node, master, pair, an attribute")
	fl.TextVar(&f.yellow, "yellow-within", f.yellow, "nothing is red any more so soon after a loss (`duration`)")
	fl.TextVar(&f.green, "green-within", f.green, "green again so soon after a loss (`duration`)")
	fl.StringVar(&f.disk, "disk-below", "", "no disk gets fuller: low, high, flood-stage or a percentage")
	fl.StringVar(&f.out, "out", "", "folder for the files (default shardquake-out/SCENARIO/plan)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return cmd
}

// objectives are those of the flags, as replacements of what the file has.
func (f *planFlags) objectives(cmd *cobra.Command) []string {
	var out []string
	for _, o := range []struct{ key, value string }{
		{"survive", "[" + strings.Join(f.survive, ", ") + "]"}, {"yellow-within", f.yellow.String()}, {"green-within", f.green.String()}, {"disk-below", "'" + f.disk + "'"},
	} {
		if cmd.Flags().Changed(o.key) {
			out = append(out, "objectives."+o.key+"="+o.value)
		}
	}
	return out
}

func (f *planFlags) run(cmd *cobra.Command, file string) error {
	if f.seeds < 1 {
		return usagef("--seeds %d: expected 1 or more", f.seeds)
	}
	backend, err := catalog.Backend("sim")
	if err != nil {
		return err
	}
	set := append(append([]string(nil), f.set...), f.objectives(cmd)...)
	s, err := scenarios.Load(file, set, catalog.Vocabulary())
	if err != nil {
		return usage(err)
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("shardquake-out", s.Name, "plan")
	}
	if err := errors.Join(reports.CheckDir(dir), reports.Writable(dir)); err != nil {
		return usage(err)
	}
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	result, err := planning.Run(cmd.Context(), planning.Config{
		File: file, Set: set, Changes: f.change, Vocabulary: catalog.Vocabulary(), Seeds: f.seeds, Pairs: f.pairs, Workers: f.workers,
		Runner: func() *scenarios.Runner {
			return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
		},
		Progress: func(done, of int) {
			progress.line("%s: %d of %d runs, about %s left", s.Name, done, of, progress.left(done, of))
		},
	})
	progress.done()
	if result == nil {
		return planError(err)
	}
	out := cmd.OutOrStdout()
	if err := losses.Summary(out, result, dir); err != nil {
		return err
	}
	if err := losses.Write(dir, result); err != nil {
		return notKept(result.Verdict, err)
	}
	if err != nil {
		return &exitError{exitAborted, fmt.Errorf("%w, and are kept in %s", err, dir)}
	}
	return verdictError(result.Verdict)
}

// planError is the exit of a plan without a result: what is wrong with the file or the words,
// unless a run says otherwise.
func planError(err error) error {
	switch {
	case errors.Is(err, planning.ErrConfig):
		return usage(err)
	case errors.Is(err, planning.ErrInterrupted):
		return &exitError{exitAborted, err}
	}
	return err
}

// left is about how long the rest takes.
func (p *progress) left(done, of int) time.Duration {
	if done == 0 {
		return 0
	}
	spent := time.Since(p.start)
	return (spent / time.Duration(done) * time.Duration(of-done)).Round(time.Second)
}
