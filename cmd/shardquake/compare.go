package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/reports/compare"
)

// compareFlags are the words of compare.
type compareFlags struct {
	policies []string
	// ofPolicies is whether the sides are policies.
	ofPolicies bool
	seeds      string
	set        []string
	format     string
	quiet      bool

	sides   []string
	step    time.Duration
	limit   int
	level   float64
	failOn  string
	history string
	branch  string
	out     string
}

func newCompareCommand() *cobra.Command {
	var f compareFlags
	schema := false
	cmd := &cobra.Command{
		Use:   "compare [FILE|NAME… | DIR… | HISTORY.jsonl]",
		Short: "Did a change make it worse? Sides, folders of runs, or policies compared",
		Long: `With --side, compare runs scenarios (none: the library) for each side and answers for each
figure: better, worse, same within a tolerance, or undecided. The first side is the base; with
one side the base is the scenario as it is. A side is LABEL=set:path=value,… or LABEL=bin:PATH
(another shardquake) or LABEL=cmd:COMMAND (a program in the controller's place, as with
run --controller-cmd --step; such runs aren't deterministic) or LABEL=real or LABEL=sim,
or real,set:… and real,bin:… for a change on real nodes. Equal traces are unchanged;
simulated runs are paired by seed, and seeds double from 8 to --limit until all that gates is decided. Real runs are
interleaved. With folders of runs or sweeps as arguments, the folders are the sides. With a
history its last comparison is made anew, or its newest version is compared with the last
green one of main, or --side LABEL=revision:REVISION chooses.

Without sides the sides are policies, in the place of the scenarios' controllers' own, and the
first is the base; one alone is compared with the scenario's own. Beside the answers stands
a table of means: balance at the end and on average, moves, thrash, bytes and a lower bound
on them (ideal), time to recover. Without names it takes every scenario of the library whose
controller has a policy that acts.

Exit codes: 1 worse, 5 undecided (with --fail-on undecided), else 0; between policies 0 unless
--fail-on is given.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if schema {
				return printCompareSchema(cmd, args)
			}
			folders, err := areFolders(args)
			if err != nil {
				return exit.Usage(err)
			}
			f.ofPolicies = !folders && !isHistory(args) && len(f.sides) == 0
			if cmd.Flags().Changed("policies") && !f.ofPolicies {
				return exit.Usagef("--policies are sides: name them, or --side, or folders")
			}
			if f.ofPolicies && !cmd.Flags().Changed("fail-on") {
				f.failOn = failOnNever
			}
			return f.compareSides(cmd, args, folders)
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.policies, "policies", []string{"threshold", "variance", "hotspot", "disk", "none"}, "policies to compare; the first is the base")
	fl.StringVar(&f.seeds, "seeds", "", "run with each of these seeds, A-B (default: as many as it takes, up to --limit)")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of every file: path=value")
	fl.StringVar(&f.format, "format", "text", strings.Join(compareFormats[:], ", "))
	fl.StringArrayVar(&f.sides, "side", nil, "LABEL=set:path=value,… | LABEL=bin:PATH | LABEL=cmd:COMMAND | LABEL=real | LABEL=sim | LABEL=real,set:path=value,… | LABEL=real,bin:PATH; the first is the base")
	fl.DurationVar(&f.step, "step", commandStep, "of a side LABEL=cmd:COMMAND: how far the cluster's time moves after each of its requests")
	fl.IntVar(&f.limit, "limit", 0, "most seeds of a scenario and side (default 64; real: 8 runs)")
	fl.Float64Var(&f.level, "level", 0, "chance of a false alarm over all that gates (default 0.05; real 0.01)")
	fl.StringVar(&f.failOn, "fail-on", failOnWorse, "worse, undecided (worse too) or never: what the exit code tells of")
	fl.StringVar(&f.history, "history", "", "append a line per run to this file, for shardquake trend")
	fl.StringVar(&f.branch, "branch", "", "branch to note in the history, such as main")
	fl.StringVar(&f.out, "out", "", "folder for the comparison in every form")
	fl.BoolVar(&schema, "schema", false, "print the JSON schema of what --format json writes, and nothing else")
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
