package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// tellPrediction simulates what was just run for real, file, seed, plan and scale alike, and
// prints figure by figure what the simulator would have said.
func tellPrediction(cmd *cobra.Command, s *scenarios.Loaded, x execution, real *reports.Report) error {
	x.backend = "sim"
	res, err := runScenario(cmd.Context(), s, x, func(string, ...any) {})
	if err != nil {
		return fmt.Errorf("simulating the same run: %w", err)
	}
	sim, err := reports.Build(res)
	if err != nil {
		return err
	}
	return writePrediction(cmd.OutOrStdout(), sim, real)
}

func writePrediction(out io.Writer, sim, real *reports.Report) error {
	fmt.Fprintf(out, "\n  the same file and seed simulated: %s, for real: %s\n", sim.Verdict, real.Verdict)
	predicted := make(map[string]float64)
	for _, f := range reports.Figures(sim) {
		predicted[f.Name] = f.Value
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  figure\tsimulated\treal\tdifference")
	told := make(map[string]bool)
	for _, f := range reports.Figures(real) {
		was, ok := predicted[f.Name]
		if told[f.Name] {
			continue
		}
		told[f.Name] = true
		if !ok {
			fmt.Fprintf(w, "  %s\t–\t%s\t\n", f.Name, reports.Amount(f.Value, f.Unit))
			continue
		}
		if was == f.Value {
			continue
		}
		part := ""
		if f.Value != 0 {
			part = fmt.Sprintf(" (%+.0f %% of the real one)", 100*(was-f.Value)/f.Value)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s%s\n", f.Name, reports.Amount(was, f.Unit), reports.Amount(f.Value, f.Unit), reports.Amount(was-f.Value, f.Unit), part)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "  figures that agree are left out")
	return err
}
