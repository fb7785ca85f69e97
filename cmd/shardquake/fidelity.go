package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/measured"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports/fidelity"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/recorded"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
)

// fidelityFlags are the words of the fidelity command.
type fidelityFlags struct {
	runs        int
	seeds       string
	recording   string
	variant     string
	calibration string
	out         string
	set         []string
	quiet       bool
}

func newFidelityCommand() *cobra.Command {
	var f fidelityFlags
	cmd := &cobra.Command{
		Use:   "fidelity FILE|NAME",
		Short: "Simulator against real, quantity by quantity, with the error",
		Long: `Fidelity runs a scenario several times for real (in containers; on processes for
system kv) and simulated with
several seeds, both at the scale of real runs, and compares every quantity: when
the loss was noticed, when primaries were active and copies complete again, what was
copied, what moved in which order. Instead of containers a recorded timeline can be
the real side; the scenarios that repeat the recorded timelines have names of their
own, such as p1-kill-data-node; or the real-runs.jsonl of an earlier comparison or
calibration, which keeps what the runs in containers showed. Exit code 1: a quantity
that hardly varies between the real runs is predicted outside the target of 15 % or
0.3 s.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.runs < 1 {
				return exit.Usagef("--runs %d: expected at least one", f.runs)
			}
			if f.variant != "" && f.recording == "" {
				return exit.Usagef("--variant is a part of a recording; expected --recorded with its file")
			}
			s, err := loadRecordable(args[0], f.set)
			if err != nil {
				return exit.Usage(err)
			}
			return f.compare(cmd, s)
		},
	}
	fl := cmd.Flags()
	fl.IntVar(&f.runs, "runs", 3, "how often to run for real")
	fl.StringVar(&f.seeds, "seeds", "1-10", "seeds of the simulated runs, A-B")
	fl.StringVar(&f.recording, "recorded", "", "file of recorded timelines, or of kept runs (.jsonl), that stands for the real runs")
	fl.StringVar(&f.variant, "variant", "", "variant in that file (default: the scenario's, or the only one)")
	fl.StringVar(&f.calibration, "calibration", "", "file with the constants of a machine, from shardquake calibrate")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of the file: path=value")
	fl.StringVar(&f.out, "out", "", "folder for table, page and plot (default shardquake-out/SCENARIO/fidelity)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return cmd
}

// loadRecordable reads a scenario: a file, one of the library, or one of the recorded
// timelines by name.
func loadRecordable(name string, set []string) (*scenarios.Loaded, error) {
	file, text, err := recorded.Text(name)
	if err == nil {
		return scenarios.ParseSet(file, text, set, catalog.Vocabulary())
	}
	return scenarios.Load(name, set, catalog.Vocabulary())
}

func (f *fidelityFlags) compare(cmd *cobra.Command, s *scenarios.Loaded) error {
	from, to, err := parseSeeds(f.seeds)
	if err != nil {
		return exit.Usage(err)
	}
	backend, err := simBackend(f.calibration)
	if err != nil {
		return exit.Usage(err)
	}
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	defer progress.done()
	real, realFrom, err := f.realRuns(cmd.Context(), s, progress.line)
	if err != nil {
		return err
	}
	var seeds []uint64
	for seed := from; seed <= to; seed++ {
		seeds = append(seeds, seed)
	}
	progress.line("simulating %d seeds", len(seeds))
	sim, err := fidelity.Simulate(cmd.Context(), s, seeds, func() (fidelity.Runner, error) {
		return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}, nil
	})
	if err != nil {
		return err
	}
	table, err := fidelity.Compare(s.Name, sim, real)
	if err != nil {
		return exit.Usage(err)
	}
	table.RealFrom = realFrom
	progress.done()
	dir := f.out
	if dir == "" {
		dir = filepath.Join("shardquake-out", s.Name, "fidelity")
	}
	if err := table.Write(dir); err != nil {
		return exit.Usage(err)
	}
	if f.recording == "" {
		if err := measured.Keep(filepath.Join(dir, measured.File), s.Name, real); err != nil {
			return exit.Usage(err)
		}
	}
	out := cmd.OutOrStdout()
	if err := table.Text(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nfiles  %s\n", dir)
	if table.Failed() {
		return &exit.Error{Code: exit.CodeFail}
	}
	return nil
}

// realRuns are those to compare with, and where they come from.
func (f *fidelityFlags) realRuns(ctx context.Context, s *scenarios.Loaded, progress func(string, ...any)) ([]fidelity.Run, string, error) {
	if f.recording != "" {
		return f.recordedRuns(s)
	}
	runs, err := containerRuns(ctx, s, f.runs, progress)
	where := "in containers"
	if s.System == "kv" {
		where = "on processes"
	}
	return runs, fmt.Sprintf("%d runs %s", len(runs), where), err
}

// containerRuns runs a scenario in containers, one time after the other.
func containerRuns(ctx context.Context, s *scenarios.Loaded, times int, progress func(string, ...any)) ([]fidelity.Run, error) {
	var runs []fidelity.Run
	for i := range times {
		label := fmt.Sprintf("run %d", i+1)
		moved, err := fidelity.Moved(s, i, times)
		if err != nil {
			return nil, err
		}
		res, err := runScenario(ctx, moved, execution{backend: "real", seed: s.Seed + uint64(i), scale: scenarios.AsDescribed}, func(format string, args ...any) {
			progress("%s of %d: %s", label, times, fmt.Sprintf(format, args...))
		})
		if err != nil {
			return nil, err
		}
		if res.Aborted != nil {
			return nil, res.Aborted
		}
		for _, fault := range res.History.Faults {
			if !fault.Injected {
				return nil, fmt.Errorf("%s: fault %s was not injected: %s", label, fault.Kind, fault.Error)
			}
		}
		runs = append(runs, fidelity.Quantities(res, label))
	}
	return runs, nil
}

func (f *fidelityFlags) recordedRuns(s *scenarios.Loaded) ([]fidelity.Run, string, error) {
	if filepath.Ext(f.recording) == ".jsonl" {
		if f.variant != "" {
			return nil, "", exit.Usagef("--variant is a part of a recording; %s holds kept runs", f.recording)
		}
		runs, err := measured.Kept(f.recording, s.Name)
		return runs, fmt.Sprintf("%d runs kept in %s", len(runs), f.recording), exit.Usage(err)
	}
	rec, err := fidelity.ReadRecording(f.recording)
	if err != nil {
		return nil, "", exit.Usage(err)
	}
	from := fmt.Sprintf("recording %s %s", rec.ID, rec.Name)
	if j := slices.IndexFunc(recorded.Timelines(), func(t recorded.Timeline) bool { return t.Scenario == s.Name }); j >= 0 && recorded.Timelines()[j].ID != rec.ID {
		return nil, "", exit.Usagef("%s repeats recording %s, but %s holds %s", s.Name, recorded.Timelines()[j].ID, f.recording, rec.ID)
	}
	i := slices.IndexFunc(recorded.Timelines(), func(t recorded.Timeline) bool { return t.Scenario == s.Name && t.ID == rec.ID })
	if i >= 0 && (f.variant == "" || f.variant == recorded.Timelines()[i].Variant) {
		runs, err := fidelity.RunsOfTimeline(rec, recorded.Timelines()[i])
		return runs, from, exit.Usage(err)
	}
	variants := rec.Variants()
	variant := f.variant
	switch {
	case variant == "" && len(variants) > 1:
		return nil, "", exit.Usage(errors.New(source.Unknown("variant", "", variants)))
	case variant == "":
		variant = variants[0]
	case variant != "" && len(variants) == 1 && variants[0] == "":
		return nil, "", exit.Usagef("--variant %s: %s has no variants", variant, f.recording)
	case !slices.Contains(variants, variant):
		return nil, "", exit.Usage(errors.New(source.Unknown("variant", variant, variants)))
	}
	runs, err := fidelity.RunsOf(rec.Of(variant), fidelity.FromForce)
	return runs, from + " " + variant, exit.Usage(err)
}

// simBackend is the simulator, with the constants of a calibration file if one is named.
func simBackend(constantsFile string) (scenarios.Backend, error) {
	if constantsFile == "" {
		return catalog.Backend("sim")
	}
	constants, err := calibration.Read(constantsFile)
	if err != nil {
		return nil, err
	}
	return catalog.Simulator(constants)
}
