package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
)

// runFlags are the words that vary a run.
type runFlags struct {
	backend     string
	calibration string
	seed        uint64
	seeds       string
	set         []string
	out         string
	baseline    string
	scale       string
	determinism bool
	quiet       bool
	history     string
	branch      string
	foreign     foreign.Config
	noSim       bool

	constants *calibration.Constants // what calibration names
}

func newRunCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE|NAME…",
		Short: "Run scenarios and say whether they held",
		Long: `Run runs scenario files, or scenarios of the library by name, and prints first
whether they held. Exit codes: 0 pass, 1 an expectation failed, 2 bad file or
usage, 3 the backend is not available or lacks a fault, 4 aborted, 5 nothing failed
but something is unknown, 70 a defect of Shardquake.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return exit.Usage(err)
			}
			if err := f.readCalibration(); err != nil {
				return exit.Usage(err)
			}
			var loaded []*scenarios.Loaded
			for _, a := range args {
				s, err := scenarios.Load(a, f.set, catalog.Vocabulary())
				if err != nil {
					return exit.Usage(err)
				}
				loaded = append(loaded, s)
			}
			return f.runAll(cmd, loaded)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.backend, "backend", "sim", "sim: the simulator; real: containers, or processes for system kv")
	fl.StringVar(&f.calibration, "calibration", "", "file with the constants of a machine, from shardquake calibrate (default: built in)")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of every random stream (default: the scenario's)")
	fl.StringVar(&f.seeds, "seeds", "", "run with each of these seeds, A-B, and show distributions and the worst")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of the file: path=value, such as cluster.nodes.count=5")
	fl.StringVar(&f.out, "out", "", "folder for the report (default shardquake-out/SCENARIO/SEED, of real runs …/real-SEED)")
	fl.StringVar(&f.baseline, "baseline", "", "compare with the run in this folder")
	fl.StringVar(&f.scale, "scale", "", "described: numbers as the file has them; real: with its real: section (default: by backend)")
	fl.BoolVar(&f.determinism, "check-determinism", false, "run twice in separate processes and name the first event that differs")
	fl.StringVar(&f.history, "history", "", "append a line per run to this file, for shardquake trend")
	fl.StringVar(&f.branch, "branch", "", "branch to note in the history, such as main")
	fl.StringVar(&f.foreign.Command, "controller-cmd", "", "a command that looks after the cluster in place of the controller; {url} is the cluster's address")
	fl.Float64Var(&f.foreign.Speed, "speed", 20, "of the cluster's time against the machine's, with --controller-cmd on the simulator")
	fl.DurationVar(&f.foreign.Step, "step", 0, "with --controller-cmd on the simulator: time stands, and moves on by so much after each request")
	fl.BoolVar(&f.noSim, "no-sim", false, "after a real run, don't simulate the same file and seed to print the difference")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	return cmd
}

// check refuses words that contradict each other.
func (f *runFlags) check(cmd *cobra.Command, args []string) error {
	switch scenarios.Scale(f.scale) {
	case "", scenarios.AsDescribed, scenarios.AsReal:
	default:
		return fmt.Errorf("--scale %q: expected described or real", f.scale)
	}
	if cmd.Flags().Changed("seed") && f.seed == 0 {
		return errors.New("--seed 0: seeds are numbers from 1 on")
	}
	if f.seeds != "" {
		if cmd.Flags().Changed("seed") {
			return errors.New("--seed and --seeds exclude each other")
		}
		if _, _, err := parseSeeds(f.seeds); err != nil {
			return err
		}
		if f.backend != "sim" {
			return errors.New("--seeds runs on the simulator only; real runs do not repeat by seed")
		}
		if f.determinism || f.baseline != "" {
			return errors.New("--seeds goes with neither --check-determinism nor --baseline")
		}
	}
	if err := f.checkCommand(cmd); err != nil {
		return err
	}
	if f.noSim && f.backend != "real" {
		return errors.New("--no-sim goes with --backend real")
	}
	if f.calibration != "" && f.backend != "sim" {
		return errors.New("--calibration is for the simulator; real nodes have the machine itself")
	}
	if f.determinism && f.backend != "sim" {
		return errors.New("--check-determinism is for the simulator; real runs do not repeat")
	}
	if f.out != "" && len(args) > 1 {
		return errors.New("--out names one folder; run one scenario, or leave it out")
	}
	if f.baseline != "" && len(args) > 1 {
		return errors.New("--baseline goes with one scenario")
	}
	return nil
}

// checkCommand refuses words about a command that make no sense.
func (f *runFlags) checkCommand(cmd *cobra.Command) error {
	speed, step := cmd.Flags().Changed("speed"), cmd.Flags().Changed("step")
	switch {
	case f.foreign.Command == "" && (speed || step):
		return errors.New("--speed and --step say how time goes for the command of --controller-cmd, which is missing")
	case f.foreign.Command == "":
		return nil
	case f.seeds != "" || f.determinism:
		return errors.New("--controller-cmd goes with neither --seeds nor --check-determinism: what a command does when is up to the machine")
	case f.backend != "sim" && (speed || step):
		return errors.New("--speed and --step are for the simulator; on real nodes time is the machine's")
	case speed && step:
		return errors.New("--speed and --step exclude each other")
	case f.foreign.Step < 0 || step && f.foreign.Step == 0:
		return fmt.Errorf("--step %v: expected a time such as 5s", f.foreign.Step)
	case !(f.foreign.Speed > 0 && f.foreign.Speed <= 1e6):
		return fmt.Errorf("--speed %v: expected a number above 0, at most 1000000", f.foreign.Speed)
	}
	if step || f.backend != "sim" {
		f.foreign.Speed = 0
	}
	return nil
}

func (f *runFlags) readCalibration() error {
	if f.calibration == "" {
		return nil
	}
	constants, err := calibration.Read(f.calibration)
	f.constants = &constants
	return err
}

// runAll runs every scenario and ends with the worst of their exit codes.
func (f *runFlags) runAll(cmd *cobra.Command, loaded []*scenarios.Loaded) error {
	var worst error
	for _, s := range loaded {
		var err error
		switch {
		case f.seeds != "":
			err = f.sweep(cmd, s)
		case f.determinism:
			err = checkDeterminism(cmd, s, f)
		default:
			err = f.runOne(cmd, s)
		}
		var coded *exit.Error
		if err != nil && !errors.As(err, &coded) {
			return err
		}
		if coded != nil && coded.Code == exit.CodeAborted {
			return err
		}
		worst = worse(worst, err)
	}
	return worst
}

// worse keeps a failure before an unknown before a pass.
func worse(a, b error) error {
	if exit.CodeOf(a) == exit.CodeFail || b == nil {
		return a
	}
	return b
}

// dir is where a run leaves its files.
func (f *runFlags) dir(s *scenarios.Loaded, seed string) string {
	if f.out != "" {
		return f.out
	}
	return filepath.Join("shardquake-out", s.Name, seed)
}

func (f *runFlags) scaleFor(backend string) scenarios.Scale {
	if f.scale != "" {
		return scenarios.Scale(f.scale)
	}
	if backend == "real" {
		return scenarios.AsReal
	}
	return scenarios.AsDescribed
}

func (f *runFlags) runOne(cmd *cobra.Command, s *scenarios.Loaded) error {
	seed := s.Seed
	if f.seed != 0 {
		seed = f.seed
	}
	name := strconv.FormatUint(seed, 10)
	if f.backend != "sim" { // a real run must not replace the simulated one of the same seed
		name = f.backend + "-" + name
	}
	dir := f.dir(s, name)
	return execute(cmd, s, execution{
		predict: f.backend == "real" && !f.noSim && f.foreign.Command == "",
		backend: f.backend, constants: f.constants, seed: seed, scale: f.scaleFor(f.backend), dir: dir, baseline: f.baseline, quiet: f.quiet, history: f.history, branch: f.branch,
		foreign: f.foreign,
	})
}

// journalOf is where a real run writes down what it does to its nodes, before it does it:
// beside its folder, which is there only when the run has ended.
func journalOf(dir string) string { return filepath.Clean(dir) + ".journal.jsonl" }

// execution is one run with all choices made.
type execution struct {
	backend string
	// constants are those of the simulator; nil: as built in.
	constants *calibration.Constants
	seed      uint64
	scale     scenarios.Scale
	dir       string
	baseline  string
	plan      *chaos.Plan
	quiet     bool
	history   string
	branch    string
	foreign   foreign.Config // that is the controller; without a line there is none
	// predict has the same run simulated, and the difference printed.
	predict bool
	onEvent func(scenarios.Event) // is told of every event of a simulated run; nil: nobody is
}

// execute runs, writes the files, prints the summary and turns the verdict into the
// exit code.
func execute(cmd *cobra.Command, s *scenarios.Loaded, x execution) error {
	if err := reports.CheckDir(x.dir); err != nil {
		return exit.Usage(err)
	}
	if err := reports.Writable(x.dir); err != nil {
		return exit.Usage(err)
	}
	var baseline *reports.Report
	if x.baseline != "" {
		var err error
		if baseline, err = reports.ReadReport(x.baseline); err != nil {
			return exit.Usagef("--baseline: %w", err)
		}
		if baseline.Scenario != s.Name {
			return exit.Usagef("--baseline: %s is a run of %s, not of %s", x.baseline, baseline.Scenario, s.Name)
		}
	}
	progress := newProgress(cmd.ErrOrStderr(), x.quiet)
	res, err := runScenario(cmd.Context(), s, x, progress.line)
	progress.done()
	if err != nil {
		return err
	}
	rep, writeErr := reports.Write(x.dir, res)
	if rep == nil {
		return writeErr
	}
	out := cmd.OutOrStdout()
	shown := reports.SummaryOptions{Color: isTerminal(out), Dir: x.dir}
	if writeErr != nil {
		shown.Dir = "" // there is nothing to look at
	}
	if err := reports.Summary(out, rep, shown); err != nil {
		return err
	}
	if x.history != "" {
		record := compare.RecordOf(rep, compare.Origin{Branch: x.branch, Machine: machineClass(), Text: s.Text, Tolerance: s.Tolerance})
		writeErr = errors.Join(writeErr, appendHistory(x.history, []compare.Record{record}))
	}
	if writeErr != nil { // the answer above is all that is left of the run, and it stands
		return exit.NotKept(rep.Verdict, writeErr)
	}
	if res.Aborted != nil {
		return &exit.Error{Code: exit.CodeAborted}
	}
	if baseline != nil {
		diffs, err := reports.Compare(baseline, rep)
		if err != nil {
			return exit.Usage(err)
		}
		if err := reports.CompareSummary(out, diffs, reports.Reservations(baseline, rep), x.baseline); err != nil {
			return err
		}
	}
	if x.predict {
		if err := tellPrediction(cmd, s, x, rep); err != nil {
			return err
		}
	}
	return exit.VerdictError(rep.Verdict)
}

func runScenario(ctx context.Context, s *scenarios.Loaded, x execution, progress func(string, ...any)) (*scenarios.Result, error) {
	backend, err := x.chosen()
	if err != nil {
		return nil, exit.Usage(err)
	}
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain, Progress: progress, OnEvent: x.onEvent}
	if x.backend == "real" && x.dir != "" {
		runner.Journal = journalOf(x.dir)
	}
	if x.foreign.Command != "" {
		if err := employ(s, runner, x.foreign); err != nil {
			return nil, exit.Usage(err)
		}
	}
	start := time.Now()
	res, err := runner.Run(ctx, s, scenarios.Options{Seed: x.seed, Scale: x.scale, Plan: x.plan})
	if res != nil {
		res.Wall = time.Since(start)
	}
	if res != nil && x.foreign.Command != "" {
		res.Notes = append(res.Notes, x.foreign.Note())
	}
	if res != nil && x.constants != nil {
		text, err := json.Marshal(x.constants)
		if err != nil {
			return nil, err
		}
		res.Calibration = text
	}
	return res, err
}

// employ makes a command the controller of a scenario.
func employ(s *scenarios.Loaded, runner *scenarios.Runner, command foreign.Config) error {
	if s.System != chaos.Elasticsearch {
		return fmt.Errorf("%s describes a cluster of system %q; --controller-cmd is for Elasticsearch's API", s.File, s.System)
	}
	s.Amend(func(s *scenarios.Scenario) {
		own := scenarios.ControlSection{Policy: "none", Count: 1}
		if s.Controller != nil {
			own.Endpoints = s.Controller.Endpoints
		}
		s.Controller = &own
	})
	runner.NewSupervisor = func(cfg scenarios.SupervisorConfig) (scenarios.Supervisor, error) { return foreign.New(command, cfg) }
	return nil
}

func (x execution) chosen() (scenarios.Backend, error) {
	if x.constants != nil {
		return catalog.Simulator(*x.constants)
	}
	return catalog.Backend(x.backend)
}

func newReplayCommand() *cobra.Command {
	backend, out := "", ""
	cmd := &cobra.Command{
		Use:   "replay DIR",
		Short: "Repeat a run from the folder it left, or take its plan to the other backend",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, text, err := reports.ReadPlan(args[0])
			if err != nil {
				return exit.Usagef("%s is not the folder of a run: %w", args[0], err)
			}
			voc := catalog.Vocabulary()
			voc.ReadCluster = func(string) (*clusterfile.File, error) { return keptCluster(args[0], plan) }
			s, err := scenarios.Parse(plan.File, text, voc)
			if err != nil {
				return exit.Usage(err)
			}
			if s, err = s.With(plan.Varied); err != nil {
				return exit.Usagef("%s: %w", filepath.Join(args[0], reports.FilePlan), err)
			}
			if err := checkPlan(args[0], plan, s); err != nil {
				return exit.Usage(err)
			}
			x := execution{backend: plan.Backend, seed: plan.Seed, scale: plan.Scale, dir: out, plan: &plan.Plan}
			if backend != "" {
				x.backend = backend
			}
			if plan.Calibration != nil && x.backend == "sim" {
				constants := calibration.Default()
				if err := json.Unmarshal(plan.Calibration, &constants); err != nil {
					return exit.Usagef("%s: calibration: %w", filepath.Join(args[0], reports.FilePlan), err)
				}
				x.constants = &constants
			}
			if x.backend == "real" && x.scale == scenarios.AsDescribed && s.Real != nil {
				// Real nodes can't bear what was described; the plan's times shrink as the file's do.
				x.scale = scenarios.AsReal
				for i := range plan.Plan.Entries {
					e := &plan.Plan.Entries[i]
					e.At = units.Duration(s.Real.Time.Of(int64(e.At)))
				}
			}
			if x.dir == "" {
				x.dir = filepath.Clean(args[0]) + "-replay"
			}
			if err := execute(cmd, s, x); err != nil && exit.CodeOf(err) > exit.CodeFail && exit.CodeOf(err) != exit.CodeUnknown {
				return err
			}
			return compareReplay(cmd.OutOrStdout(), args[0], x)
		},
	}
	cmd.Flags().StringVar(&backend, "backend", "", "sim or real (default: that of the run)")
	cmd.Flags().StringVar(&out, "out", "", "folder for the new report (default DIR-replay)")
	return cmd
}

// keptCluster is the cluster that lies in the folder of a run.
func keptCluster(dir string, plan *reports.Plan) (*clusterfile.File, error) {
	f, err := clusterfile.Load(filepath.Join(dir, reports.FileCluster))
	if err != nil {
		return nil, err
	}
	if f.SHA256 != plan.Cluster {
		return nil, fmt.Errorf("%s is not the cluster of this run: its sha256 is %s, %s has %s", reports.FileCluster, f.SHA256, reports.FilePlan, plan.Cluster)
	}
	return f, nil
}

// checkPlan refuses a plan that does not fit the scenario beside it.
func checkPlan(dir string, plan *reports.Plan, s *scenarios.Loaded) error {
	for _, p := range plan.Plan.Check(s.Topology(), 0) {
		return fmt.Errorf("%s: %s: %s", filepath.Join(dir, reports.FilePlan), p.Path, p.Message)
	}
	return nil
}

// compareReplay says whether the replay came out the same, and ends with its verdict.
func compareReplay(out io.Writer, dir string, x execution) error {
	before, err := reports.ReadReport(dir)
	if err != nil {
		return exit.Usage(err)
	}
	now, err := reports.ReadReport(x.dir)
	if err != nil {
		return err
	}
	if before.Backend == "sim" && now.Backend == "sim" {
		if _, err := reports.ReadTrace(dir, before); err != nil {
			return exit.Usagef("the replay can't be compared: %w", err)
		}
		if before.TraceSHA256 == now.TraceSHA256 && before.TraceHash == now.TraceHash {
			fmt.Fprintln(out, "\n  the replay is identical, byte for byte")
			return exit.VerdictError(now.Verdict)
		}
		fmt.Fprintf(out, "\n  the replay differs: trace hash %s, was %s %s\n", now.TraceHash, before.TraceHash, versions(before, now))
	}
	diffs, err := reports.Compare(before, now)
	if err != nil {
		return err
	}
	if err := reports.CompareSummary(out, diffs, reports.Reservations(before, now), dir); err != nil {
		return err
	}
	return exit.VerdictError(now.Verdict)
}

// versions says whether a difference between two runs may be one between two programs.
func versions(before, now *reports.Report) string {
	if text := now.Version.Differs(before.Version); text != "" {
		return "(by " + text + ")"
	}
	return "(by the same version, " + now.Version.String() + ")"
}

// isTerminal reports whether w shows colours.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
