package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/measured"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/fidelity"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/recorded"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
)

// calibrateFlags are the words of the calibrate command.
type calibrateFlags struct {
	runs     int
	seeds    string
	recorded string
	keep     string
	out      string
	gamedays []string
	quiet    bool

	names []string // of the scenarios that it is fitted to
}

func newCalibrateCommand() *cobra.Command {
	var f calibrateFlags
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure the simulator's machine-dependent constants on this machine",
		Long: `Calibrate runs a few of the recorded timelines' scenarios in containers on this
machine, and fits to them the constants of the simulator that hang on processors:
how long a node takes to start, a state to be applied, a recovery beyond its bytes.
One set serves all scenarios; nothing is fitted to one of them. It is also fitted
without each scenario in turn, and the error of that prediction is printed. With
--gameday it is fitted to game days as well, so that what they were predicted wrongly
counts for the next. The file
it writes is for --calibration of the command fidelity; in the place of
sim/elastic/calibration/calibration.json it is what the program is built with.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.runs < 1 {
				return exit.Usagef("--runs %d: expected at least one", f.runs)
			}
			return f.calibrate(cmd)
		},
	}
	fl := cmd.Flags()
	fl.IntVar(&f.runs, "runs", 2, "how often to run each scenario for real")
	fl.StringVar(&f.seeds, "seeds", "1-3", "seeds of the simulated runs, A-B")
	fl.StringVar(&f.recorded, "recorded", "", "folder of recorded timelines P*.json.gz, or file of kept runs (.jsonl), that stand for the runs in containers")
	fl.StringVar(&f.keep, "keep", measured.File, "file to which the runs in containers are added, scenario by scenario")
	fl.StringArrayVar(&f.gamedays, "gameday", nil, "`FOLDER` of a game day on real nodes that came to its end, to fit to as well; may be repeated")
	fl.StringVar(&f.out, "out", "calibration.json", "the calibration file to write")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return cmd
}

// calibrating are the scenarios whose times show the constants: starts, states,
// recoveries alone and in waves, the copying of large files.
func calibrating() []string {
	return []string{"p1-kill-data-node", "p2-kill-master", "p5-rebalance-12-4-2", "p6-fourth-node-joins", "p8-unlimited", "p8-40mb"}
}

func (f *calibrateFlags) calibrate(cmd *cobra.Command) error {
	from, to, err := parseSeeds(f.seeds)
	if err != nil {
		return exit.Usage(err)
	}
	var seeds []uint64
	for s := from; s <= to; s++ {
		seeds = append(seeds, s)
	}
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	defer progress.done()
	loaded := make(map[string]*scenarios.Loaded)
	for _, name := range calibrating() {
		if loaded[name], err = loadRecordable(name, nil); err != nil {
			return err
		}
	}
	f.names = calibrating()
	days, err := measured.Days(f.gamedays)
	if err != nil {
		return exit.Usage(err)
	}
	real, err := f.measure(cmd.Context(), loaded, progress.line)
	if err != nil {
		return err
	}
	f.takeIn(days, loaded, real)
	progress.line("fitting the constants")
	fitted, err := fidelity.Fit(f.problem(cmd.Context(), loaded, real, seeds))
	if err != nil {
		return err
	}
	constants := catalog.Turned(calibration.Default(), fitted.Factors)
	text, err := json.MarshalIndent(constants, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.out, append(text, '\n'), 0o644); err != nil {
		return exit.Usage(err)
	}
	progress.done()
	return showFit(cmd.OutOrStdout(), fitted, f.names, f.out)
}

// takeIn has the constants fitted to game days, too.
func (f *calibrateFlags) takeIn(days []measured.Day, loaded map[string]*scenarios.Loaded, real map[string][]fidelity.Run) {
	for _, d := range days {
		f.names = append(f.names, d.Name)
		loaded[d.Name], real[d.Name] = d.Scenario, d.Runs
	}
}

// measure has each scenario run for real.
func (f *calibrateFlags) measure(ctx context.Context, loaded map[string]*scenarios.Loaded, progress func(string, ...any)) (map[string][]fidelity.Run, error) {
	real := make(map[string][]fidelity.Run)
	for _, name := range calibrating() {
		var err error
		switch {
		case f.recorded == "":
			real[name], err = containerRuns(ctx, loaded[name], f.runs, func(format string, args ...any) {
				progress("%s, %s", name, fmt.Sprintf(format, args...))
			})
			if err == nil {
				err = exit.Usage(measured.Keep(f.keep, name, real[name]))
			}
		case filepath.Ext(f.recorded) == ".jsonl":
			real[name], err = measured.Kept(f.recorded, name)
			err = exit.Usage(err)
		default:
			real[name], err = recordedIn(f.recorded, name)
			err = exit.Usage(err)
		}
		if err != nil {
			return nil, err
		}
	}
	return real, nil
}

// recordedIn finds the runs of a scenario in a folder of recordings.
func recordedIn(dir, scenario string) ([]fidelity.Run, error) {
	for _, t := range recorded.Timelines() {
		if t.Scenario != scenario {
			continue
		}
		paths, err := filepath.Glob(filepath.Join(dir, t.ID+"-*.json.gz"))
		if err != nil || len(paths) != 1 {
			return nil, fmt.Errorf("%s: expected one recording %s-*.json.gz, found %d", dir, t.ID, len(paths))
		}
		rec, err := fidelity.ReadRecording(paths[0])
		if err != nil {
			return nil, err
		}
		return fidelity.RunsOfTimeline(rec, t)
	}
	return nil, fmt.Errorf("%s repeats no recorded timeline", scenario)
}

func (f *calibrateFlags) problem(ctx context.Context, loaded map[string]*scenarios.Loaded, real map[string][]fidelity.Run, seeds []uint64) fidelity.Problem {
	p := fidelity.Problem{
		Steps: []float64{0.5, 0.8, 1.25, 2}, Rounds: 3, Scenarios: f.names, Real: real,
		Simulate: func(scenario string, factors []float64) ([]fidelity.Run, error) {
			constants := catalog.Turned(calibration.Default(), factors)
			return fidelity.Simulate(ctx, loaded[scenario], seeds, func() (fidelity.Runner, error) {
				backend, err := catalog.Simulator(constants)
				return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}, err
			})
		},
	}
	for _, k := range catalog.Knobs() {
		p.Knobs = append(p.Knobs, k.Name)
	}
	return p
}

// showFit prints what was found and how well it predicts.
func showFit(out io.Writer, fitted *fidelity.Fitted, names []string, file string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "constants\tfactor on the default\twhat")
	for i, k := range catalog.Knobs() {
		fmt.Fprintf(w, "%s\t%.3g\t%s\n", k.Name, fitted.Factors[i], k.About)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nmean error of the times, in targets (1 is an average at the edge of 15 % or 0.3 s)")
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "scenario\tdefault\tfitted\tfitted to the others")
	for _, s := range names {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\n", s, fitted.Before[s], fitted.After[s], fitted.LeftOut[s])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nfile  %s\n", file)
	return err
}
