package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
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
	disk, cpu      string
	downtime       units.Duration
	losses         []string
	cache          string
	reports        bool
	growth         string
	earlier        string
	machines       string
	history        string
	branch         string
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
	fl.StringVar(&f.cpu, "cpu-below", "", "no node has its processors busier than so many percent")
	fl.TextVar(&f.downtime, "downtime", f.downtime, "how long a node is away in a rolling restart or upgrade (default 2m)")
	fl.StringSliceVar(&f.losses, "losses", nil, "try these only: node, master, restart, upgrade, drain, an attribute (default: all of them)")
	fl.StringVar(&f.cache, "cache", filepath.Join("shardquake-out", "kept-runs"), "folder that keeps what runs came to, so that no plan makes one again; '' for none")
	fl.StringVar(&f.growth, "growth", "", "how the data grows, as in the file: 3%/week, or {rate: 3%/week, until: 26w, holds: 13w}")
	fl.StringVar(&f.machines, "machines", "", "a file of machine types: look for the smallest fleet that meets the objectives")
	fl.StringVar(&f.earlier, "earlier", "", "an earlier import of the cluster, MINE.cluster.json.gz: it grows as it has since then")
	fl.BoolVar(&f.reports, "reports", false, "leave a report of every loss that was tried, and not of the worst alone")
	fl.StringVar(&f.out, "out", "", "folder for the files (default shardquake-out/SCENARIO/plan)")
	fl.StringVar(&f.history, "history", "", "append a line per run to this file, for shardquake trend and compare")
	fl.StringVar(&f.branch, "branch", "", "branch to note in the history, such as main")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return cmd
}

// objectives are those of the flags, as replacements of what the file has.
func (f *planFlags) objectives(cmd *cobra.Command) []string {
	var out []string
	for _, o := range []struct{ key, value string }{
		{"survive", "[" + strings.Join(f.survive, ", ") + "]"}, {"yellow-within", f.yellow.String()}, {"green-within", f.green.String()}, {"disk-below", "'" + f.disk + "'"},
		{"cpu-below", "'" + f.cpu + "'"}, {"downtime", f.downtime.String()},
	} {
		if cmd.Flags().Changed(o.key) {
			out = append(out, "objectives."+o.key+"="+o.value)
		}
	}
	if f.growth != "" {
		out = append(out, "growth="+f.growth)
	}
	return out
}

func (f *planFlags) run(cmd *cobra.Command, file string) error {
	if f.seeds < 1 {
		return exit.Usagef("--seeds %d: expected 1 or more", f.seeds)
	}
	backend, err := catalog.Backend("sim")
	if err != nil {
		return err
	}
	set := append(append([]string(nil), f.set...), f.objectives(cmd)...)
	s, err := scenarios.Load(file, set, catalog.Vocabulary())
	if err != nil {
		return exit.Usage(err)
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("shardquake-out", s.Name, "plan")
	}
	if err := errors.Join(reports.CheckDir(dir), reports.Writable(dir)); err != nil {
		return exit.Usage(err)
	}
	apart, err := os.MkdirTemp("", "shardquake-plan-*") // the folder of the plan is made last, as a whole
	if err != nil {
		return fmt.Errorf("reports of single runs: %w", err)
	}
	defer os.RemoveAll(apart) //nolint:errcheck // a temporary folder
	manyRuns()
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	result, err := planning.Run(cmd.Context(), planning.Config{
		File: file, Set: set, Changes: f.change, Vocabulary: catalog.Vocabulary(), Seeds: f.seeds, Losses: f.losses, Pairs: f.pairs, Workers: f.workers, Cache: f.cache, Reports: f.reports, Earlier: f.earlier, Machines: f.machines,
		Report: func(name string, res *scenarios.Result) error {
			_, err := reports.Write(filepath.Join(apart, name), res)
			return err
		},
		Runner: func() *scenarios.Runner {
			return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
		},
		Progress: func(what string, done, of int) {
			progress.line("%s: %s: %d of %d runs, about %s left", s.Name, what, done, of, progress.left(done, of))
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
	records := compare.RecordsOfPlan(result, compare.Origin{Branch: f.branch, Machine: machineClass(), Text: s.Text, Tolerance: s.Tolerance})
	var runs bytes.Buffer
	if err := compare.WriteRecords(&runs, records); err != nil {
		return exit.NotKept(result.Verdict, err)
	}
	if f.history != "" {
		if err := appendHistory(f.history, records); err != nil {
			return exit.NotKept(result.Verdict, err)
		}
	}
	if err := errors.Join(losses.Write(dir, result, runs.Bytes()), os.CopyFS(filepath.Join(dir, losses.DirRuns), os.DirFS(apart))); err != nil {
		return exit.NotKept(result.Verdict, err)
	}
	if err != nil {
		return &exit.Error{Code: exit.CodeAborted, Err: fmt.Errorf("%w, and are kept in %s", err, dir)}
	}
	return exit.VerdictError(result.Verdict)
}

// planError is the exit of a plan without a result: what is wrong with the file or the words,
// unless a run says otherwise.
func planError(err error) error {
	switch {
	case errors.Is(err, planning.ErrConfig):
		return exit.Usage(err)
	case errors.Is(err, planning.ErrInterrupted):
		return &exit.Error{Code: exit.CodeAborted, Err: err}
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
