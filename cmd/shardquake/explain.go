package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/divergence"
)

func newExplainCommand() *cobra.Command {
	against, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "explain DIR",
		Short: "Say who knew what when in a run, or where it parts from another",
		Long: `Explain reads the trace that a run left in DIR and tells from each fault on who knew
what when: nodes, master, controller, clients. With --against it shows the first event
at which the run parts from another one of the same scenario, and what followed, side
by side. What the other run has at no time is marked.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rep, trace, err := readRun(args[0])
			if err != nil {
				return exit.Usage(err)
			}
			if against == "" {
				return tell(cmd, rep, trace, asJSON)
			}
			other, theirs, err := readRun(against)
			if err != nil {
				return exit.Usage(err)
			}
			if other.Scenario != rep.Scenario {
				return exit.Usagef("--against: %s is a run of %s, not of %s", against, other.Scenario, rep.Scenario)
			}
			p, err := divergence.Of([2]string{args[0], against}, trace, theirs)
			if err != nil {
				return exit.Usage(err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(p)
			}
			for _, r := range reports.Reservations(other, rep) {
				fmt.Fprintf(out, "not alike  %s\n", r)
			}
			if p == nil {
				_, err := fmt.Fprintln(out, "the traces are equal")
				return err
			}
			return p.Write(out)
		},
	}
	cmd.Flags().StringVar(&against, "against", "", "folder of the run to compare with")
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return cmd
}

// readRun reads a run's report and its trace.
func readRun(dir string) (*reports.Report, []byte, error) {
	rep, err := reports.ReadReport(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is not the folder of a run: %w", dir, err)
	}
	trace, err := reports.ReadTrace(dir, rep)
	return rep, trace, err
}

func tell(cmd *cobra.Command, rep *reports.Report, trace []byte, asJSON bool) error {
	story, err := divergence.Tell(trace)
	if err != nil {
		return exit.Usage(err)
	}
	out := cmd.OutOrStdout()
	if asJSON {
		return json.NewEncoder(out).Encode(story)
	}
	fmt.Fprintf(out, "%s, backend %s, seed %d: %s\n", rep.Scenario, rep.Backend, rep.Seed, rep.Verdict)
	if len(story) == 0 {
		_, err := fmt.Fprintln(out, "no fault struck, so there is nothing to know of")
		return err
	}
	for _, k := range story {
		fmt.Fprintln(out)
		if err := k.Write(out); err != nil {
			return err
		}
	}
	return nil
}
