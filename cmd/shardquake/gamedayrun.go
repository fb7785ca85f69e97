//determinism:realtime game days go with people

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/measured"
	"github.com/shardquake/shardquake/integration/undo"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/reports/fidelity"
	report "github.com/shardquake/shardquake/reports/gameday"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/gameday"
	"github.com/shardquake/shardquake/sim"
)

// day is one game day.
type day struct {
	flags    *gamedayFlags
	cmd      *cobra.Command
	scenario *scenarios.Loaded
	scale    scenarios.Scale
	plan     *gameday.Plan
	hash     string
	predict  *gameday.Prediction
	approval gameday.Approval
	course   *gameday.Course
	page     *gamedayPage
	progress *progress
	pacer    *paced.Pacer    // nil on real nodes
	own      *ownDay         // nil on nodes made for the run
	ctx      context.Context // ends with a halt, or with the run
	stop     context.CancelCauseFunc
	began    time.Time

	said chan string // to be printed

	mu     sync.Mutex
	record report.Record
}

// check refuses words that contradict each other.
func (f *gamedayFlags) check() error {
	switch {
	case f.backend != "sim" && f.backend != "real":
		return fmt.Errorf("--backend %q: expected sim or real", f.backend)
	case !(f.speed > 0 && f.speed <= control.MaxSpeed):
		return fmt.Errorf("--speed %v: expected a number above 0, at most 1000000", f.speed)
	case f.cluster == "" && (f.dryRun || f.confirm != ""):
		return errors.New("--dry-run and --confirm are for a cluster of one's own: expected --cluster FILE")
	case f.cluster != "" && f.yes:
		return errors.New("--yes is for nodes made for the run; a cluster of one's own needs --approve, or somebody who is asked")
	case f.backend == "real" && f.speed != 1:
		return errors.New("--speed is for the simulator; real nodes have the machine's time")
	case f.approve != "" && (f.as == "" || f.reason == ""):
		return errors.New("--approve needs who approves (--as) and why (--reason)")
	case f.approve != "" && len(f.approve) < 8:
		return fmt.Errorf("--approve %s: expected a plan's hash, or at least its first eight characters", f.approve)
	}
	return checkListen("--listen", f.listen, f.token)
}

func (f *gamedayFlags) load(name string) (*scenarios.Loaded, error) {
	s, err := scenarios.Load(name, f.set, catalog.Vocabulary())
	if err != nil {
		return nil, err
	}
	if s.Gameday == nil {
		return nil, fmt.Errorf("%s has no section gameday: expected one with a hypothesis, such as\n\ngameday:\n  hypothesis: Losing a node leaves the shop's searches fast.\n  guardrails:\n    - {no-red-longer-than: 30s}", name)
	}
	if f.seed != 0 {
		s.Seed = f.seed
	}
	return s.Drawn(s.Seed)
}

func (f *gamedayFlags) run(cmd *cobra.Command, name string) error {
	if err := f.check(); err != nil {
		return exit.Usage(err)
	}
	s, err := f.load(name)
	if err != nil {
		return exit.Usage(err)
	}
	d := &day{flags: f, cmd: cmd, scenario: s, progress: newProgress(cmd.ErrOrStderr(), f.quiet), began: time.Now(), said: make(chan string, 4096)}
	d.scale = (&runFlags{}).scaleFor(f.backend)
	if f.out == "" {
		f.out = filepath.Join("shardquake-out", s.Name, "gameday-"+d.began.UTC().Format("20060102T150405"))
	}
	if err := errors.Join(reports.CheckDir(f.out), reports.Writable(f.out)); err != nil {
		return exit.Usage(err)
	}
	// A first signal is a halt, whatever is going on.
	d.ctx, d.stop = context.WithCancelCause(context.WithoutCancel(cmd.Context()))
	defer d.stop(nil)
	looks := &gameday.Looks{Look: gameday.Look}
	d.course = gameday.New(gameday.Config{
		Loaded: s, Yes: f.yes, Stop: d.stop, Enter: d.enter, Now: func() time.Duration { return time.Since(d.began) }, Probe: looks.Probe, Tell: d.tell, Show: d.show,
	})
	defer context.AfterFunc(cmd.Context(), func() { d.course.Halt(d.ctx, "signal", "interrupted") })()
	if f.cluster != "" {
		if d.own, err = newOwnDay(d, name); err != nil {
			return err
		}
		if f.dryRun {
			return d.own.dryRun()
		}
	}
	return d.toItsReport()
}

// toItsReport takes a game day from its prediction to its report. From here on it can be halted.
func (d *day) toItsReport() error {
	l, err := net.Listen("tcp", d.flags.listen)
	if err != nil {
		return exit.Usagef("--listen: %w", err)
	}
	d.page = newGamedayPage(d, l)
	defer d.page.close()
	leave, err := d.take()
	if err != nil {
		return exit.Usage(err)
	}
	defer leave()
	finish := d.printing()
	defer finish()
	go d.watchFile()
	if err := d.ready(); err != nil {
		return d.unready(err)
	}
	return d.conduct(finish)
}

// ready predicts, asks for the approval, and looks once more.
func (d *day) ready() error {
	if err := d.own.begin(); err != nil {
		return err
	}
	if err := d.predicted(); err != nil {
		return err
	}
	d.course.Follow(d.scenario, d.predict)
	if err := d.page.asks(); err != nil {
		return err
	}
	d.course.Enter(gameday.Asking)
	if err := d.approved(); err != nil {
		return exit.Usage(err)
	}
	d.course.Enter(gameday.Starting)
	if err := d.own.still(); err != nil {
		return exit.Usage(err)
	}
	d.course.Follow(d.scenario, d.predict)
	return d.ctx.Err()
}

// unready is the end of a game day whose run has not begun: by a halt, which leaves its report,
// or for a reason of its own.
func (d *day) unready(err error) error {
	h := d.course.Halted()
	if h == nil {
		return err
	}
	rec := d.kept()
	if err := rec.WriteUnbegun(d.flags.out, d.scenario.Name, d.scenario.Text); err != nil {
		return &exit.Error{Code: exit.CodeNotKept, Err: fmt.Errorf("halted by %s: %s; the report could not be written: %w", h.Who, h.Reason, err)}
	}
	fmt.Fprintf(d.cmd.OutOrStdout(), "\n  game day   %s/%s\n", d.flags.out, report.FilePage)
	return &exit.Error{Code: exit.CodeAborted, Err: fmt.Errorf("halted by %s while it was %s, before anything was done: %s", h.Who, h.During, h.Reason)}
}

// kept is what there is for the report now.
func (d *day) kept() report.Record {
	d.mu.Lock()
	rec := d.record
	d.mu.Unlock()
	rec.Plan, rec.Hash, rec.Approval, rec.Prediction, rec.Despite, rec.Set = d.plan, d.hash, d.approval, d.predict, d.flags.despite, d.set()
	rec.Moments, rec.Halt, rec.Began, rec.Took = d.course.Moments(), d.course.Halted(), d.began.UTC(), time.Since(d.began).Seconds()
	return rec
}

// set is what was replaced in the scenario's text, the cluster that was imported included.
func (d *day) set() []string {
	if d.own == nil || d.own.from == "" {
		return d.flags.set
	}
	return append(slices.Clone(d.flags.set), "cluster.from="+d.own.from)
}

// watchFile halts the game day as soon as the file lies here, whatever is going on.
func (d *day) watchFile() {
	for every := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case <-d.ctx.Done():
			every.Stop()
			return
		case <-every.C:
		}
		if _, err := os.Stat(gameday.HaltFile); err == nil {
			d.course.Halt(d.ctx, "somebody", "a file "+gameday.HaltFile+" lies in the folder of the game day")
			return
		}
	}
}

// predicted simulates the scenario and makes the plan.
func (d *day) predicted() error {
	if d.flags.backend == "real" {
		backend, err := d.real()
		if err != nil {
			return err
		}
		scaled, _ := d.scenario.Scaled(d.scale)
		if err := scenarios.Supported(d.ctx, backend, scaled); err != nil {
			return err
		}
	}
	var err error
	if d.predict, err = d.simulated("predicting"); err != nil {
		return err
	}
	scaled, _ := d.scenario.Scaled(d.scale)
	if d.plan, err = gameday.NewPlan(d.scenario, scaled, d.flags.backend, d.predict); err != nil {
		return err
	}
	if err = d.own.spellOut(d.plan); err != nil {
		return exit.Usage(err)
	}
	d.hash, err = d.plan.Hash()
	return err
}

// real is the backend of real nodes: those made for the run, or one's own.
func (d *day) real() (scenarios.Backend, error) {
	if d.own != nil {
		return d.own.backend, nil
	}
	return catalog.Backend("real")
}

// simulated runs the scenario with the seeds of the prediction.
func (d *day) simulated(what string) (*gameday.Prediction, error) {
	run := func(ctx context.Context, seed uint64) (*scenarios.Result, error) {
		return runScenario(ctx, d.scenario, execution{backend: "sim", seed: seed, scale: d.scale}, func(string, ...any) {})
	}
	p, err := gameday.Predict(d.ctx, d.scenario, runtime.GOMAXPROCS(0), run, func(done, all int) { d.progress.line("%s: %d of %d simulated runs", what, done, all) })
	d.progress.done()
	return p, err
}

// take claims the cluster, and lets shardquake gameday halt find the game day. A drill claims
// nothing: any number may go on.
func (d *day) take() (leave func(), err error) {
	if _, err := os.Stat(gameday.HaltFile); err == nil {
		return nil, fmt.Errorf("a file %s lies here: remove it to let a game day begin", gameday.HaltFile)
	}
	drill := d.flags.backend != "real"
	g, err := grounds()
	if err != nil && drill { // nobody's home: it is halted from here and from its page
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	r := gameday.Running{Cluster: d.clusterName(), URL: d.page.url, Token: d.flags.token, PID: os.Getpid(), Born: undo.Born(os.Getpid()), Journal: journalOf(d.flags.out)}
	if drill {
		r.Cluster, r.Journal = fmt.Sprintf("%s (drill %d)", r.Cluster, r.PID), ""
	}
	if err := g.Take(r); err != nil {
		return nil, err
	}
	return func() {
		h := d.course.Halted()
		if drill {
			h = nil
		}
		if err := g.Leave(r.Cluster, h); err != nil {
			fmt.Fprintln(d.cmd.ErrOrStderr(), err)
		}
	}, nil
}

// clusterName is what game days of this machine know the cluster by.
func (d *day) clusterName() string {
	if d.own != nil {
		return d.own.cfg.Name
	}
	return d.scenario.Name
}

// conduct runs the plan.
func (d *day) conduct(finish func()) error {
	x := execution{backend: d.flags.backend, seed: d.scenario.Seed, scale: d.scale, dir: d.flags.out}
	backend, err := x.chosen()
	if d.own != nil {
		backend = d.own.backend
	}
	if err != nil {
		return exit.Usage(err)
	}
	if d.flags.backend == "sim" {
		d.pacer = paced.New(d.flags.speed)
	}
	d.page.live()
	d.listenToTerminal(d.ctx)
	runner := &scenarios.Runner{
		Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain, Progress: d.progress.line,
		Gate: d.course, Allow: d.allows, Attendant: d,
	}
	if d.flags.backend == "real" {
		runner.Journal = journalOf(d.flags.out)
	}
	start := time.Now()
	res, err := runner.Run(d.ctx, d.scenario, scenarios.Options{Seed: d.scenario.Seed, Scale: d.scale})
	d.course.Over()
	finish()
	d.progress.done()
	if err != nil {
		return d.unready(err)
	}
	res.Wall = time.Since(start)
	return d.concluded(res)
}

// allows refuses what was not approved, and on a cluster of one's own what its limits refuse now.
func (d *day) allows(f chaos.Fault, victims []string) error {
	if err := d.plan.Allows(f, victims); err != nil {
		return err
	}
	return d.own.allows(f, victims)
}

// enter has something done in a process of the run's clock.
func (d *day) enter(ctx context.Context, name string, f func(ctx context.Context)) error {
	if d.pacer != nil {
		return d.pacer.Do(ctx, name, f)
	}
	f(ctx)
	return nil
}

// Attend implements [scenarios.Attendant].
func (d *day) Attend(ctx context.Context, r *scenarios.Run) error {
	if d.pacer == nil {
		d.course.Watch(ctx, r)
		return nil
	}
	clock, ok := r.Clock().(*sim.Clock)
	if !ok {
		return errors.New("the backend's time can't be paced")
	}
	engine := clock.Engine()
	clock.Go(ctx, "watch", func(ctx context.Context) { d.course.Watch(ctx, r) })
	d.pacer.Run(ctx, paced.World{Clock: clock, Look: func() {}, Next: func() time.Duration {
		if next := engine.NextAt(); next != sim.Never {
			return time.Duration(next - engine.Now())
		}
		return time.Hour
	}})
	return nil
}

// Ended implements [scenarios.Attendant]: what is left is the report.
func (d *day) Ended(*scenarios.Result) { d.stop(nil) }

// tell tells a moment on the terminal and on the page.
func (d *day) tell(m gameday.Moment) {
	who := ""
	if m.Who != "" {
		who = " (" + m.Who + ")"
	}
	text := fmt.Sprintf("%s: %s%s", m.Kind, m.Text, who)
	d.page.moment(m, text)
	select {
	case d.said <- fmt.Sprintf("t=%s  %s\n", m.At, text):
	default: // nobody reads what is printed: the page and the record have it
	}
}

// printing prints what is told, beside the course: a terminal that stands still, or a pipe that
// nobody reads, holds up no halt. What it returns waits for the rest; what is told later is in
// the record.
func (d *day) printing() (finish func()) {
	last, done := make(chan struct{}), make(chan struct{})
	show := func(line string) {
		d.progress.done()
		fmt.Fprint(d.cmd.OutOrStdout(), line)
	}
	go func() {
		defer close(done)
		for {
			select {
			case line := <-d.said:
				show(line)
				continue
			case <-last:
			}
			for len(d.said) > 0 {
				show(<-d.said)
			}
			return
		}
	}()
	return sync.OnceFunc(func() {
		close(last)
		<-done
	})
}

// show tells how things are in this second, and keeps it.
func (d *day) show(s gameday.Sight) {
	sample := report.SampleOf(s)
	d.mu.Lock()
	d.record.Samples = append(d.record.Samples, sample)
	d.record.Rails = s.Rails
	d.mu.Unlock()
	d.page.sight(s, sample)
	var parts []string
	for _, v := range s.Values {
		if v.Seen == nil {
			continue
		}
		mark := ""
		if v.Out {
			mark = " !"
		}
		parts = append(parts, fmt.Sprintf("%s %.4g (%.4g–%.4g)%s", v.Figure, *v.Seen, v.Lo, v.Hi, mark))
	}
	state := ""
	if s.Standing != "" {
		state = "  [" + s.Standing + "]"
	}
	d.progress.line("t=%s  %s%s", s.At.Round(time.Second), strings.Join(parts, "  "), state)
}

// listenToTerminal takes orders by line where there is somebody.
func (d *day) listenToTerminal(ctx context.Context) {
	in, is := d.cmd.InOrStdin().(*os.File)
	if !is || !interactive(in) || d.flags.yes {
		return
	}
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan() && ctx.Err() == nil; {
			word, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
			if err := d.order(ctx, word, strings.TrimSpace(rest)); err != nil {
				fmt.Fprintln(d.cmd.ErrOrStderr(), err)
			}
		}
	}()
}

func (d *day) order(ctx context.Context, word, rest string) error {
	who := d.approval.Name
	switch word {
	case "":
		return nil
	case "halt":
		d.course.Halt(ctx, who, rest)
		return nil
	case "next":
		return d.course.Next(who)
	case "pause":
		return d.course.Pause(who)
	case "resume":
		return d.course.Resume(who)
	case "note":
		return d.course.Note(who, rest)
	}
	return fmt.Errorf("%q: expected halt REASON, next, pause, resume or note TEXT", word)
}

// concluded writes the report and turns what came of it into the exit code.
func (d *day) concluded(res *scenarios.Result) error {
	rep, err := reports.Write(d.flags.out, res)
	if rep == nil {
		return err
	}
	rec := d.kept()
	rec.Conclude(rep, res.History)
	err = errors.Join(err, rec.Write(d.flags.out, res, d.scenario.Text), d.measured(res))
	out := d.cmd.OutOrStdout()
	if sumErr := reports.Summary(out, rep, reports.SummaryOptions{Color: isTerminal(out), Dir: d.flags.out}); sumErr != nil {
		return sumErr
	}
	if sumErr := rec.Summary(out, d.flags.out); sumErr != nil {
		return sumErr
	}
	if d.flags.history != "" {
		record := compare.RecordOf(rep, compare.Origin{Branch: d.flags.branch, Machine: machineClass(), Text: d.scenario.Text, Tolerance: d.scenario.Tolerance})
		err = errors.Join(err, appendHistory(d.flags.history, []compare.Record{record}))
	}
	d.page.end()
	if d.flags.keepServed && d.cmd.Context().Err() == nil {
		fmt.Fprintf(out, "  the page is served at %s until Ctrl-C\n", d.page.url)
		<-d.cmd.Context().Done()
	}
	switch {
	case err != nil:
		return exit.NotKept(rep.Verdict, err)
	case res.Aborted != nil, rec.Halt != nil: // a halt may meet a run that just ends
		return &exit.Error{Code: exit.CodeAborted}
	}
	return exit.VerdictError(rep.Verdict)
}

// measured keeps what a whole run on real nodes showed, for shardquake fidelity and calibrate.
func (d *day) measured(res *scenarios.Result) error {
	if d.flags.backend != "real" || res.Aborted != nil {
		return nil
	}
	return measured.Keep(filepath.Join(d.flags.out, measured.File), d.scenario.Name, []fidelity.Run{fidelity.Quantities(res, "game day")})
}

var _ http.Handler = (*gamedayPage)(nil)
