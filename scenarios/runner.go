package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Supervisor is the controller of a scenario at work. Run returns when ctx ends.
type Supervisor interface {
	Run(ctx context.Context) error
}

// SupervisorConfig is what a controller is given.
type SupervisorConfig struct {
	// Name is the instance's: controller, controller-2, ….
	Name      string
	Spec      ControlSection
	Clock     clock.Clock
	Endpoints []Endpoint
	Transport http.RoundTripper
	// Disk is a file of the instance's own, which survives it.
	Disk interface {
		Load() ([]byte, error)
		Save(data []byte) error
	}
	// OnDecision receives the audit records as they are made; times are the clock's
	// monotonic ones.
	OnDecision func(observed.Decision)
	// Log receives the controller's log lines.
	Log func(line string)
}

// Endpoint is a node's HTTP address as the controller sees it.
type Endpoint struct{ Name, URL string }

// Runner takes one scenario through one run.
type Runner struct {
	Backend Backend
	// NewSupervisor makes the controller that a scenario asks for.
	NewSupervisor func(SupervisorConfig) (Supervisor, error)
	// Explain finds out why a cluster isn't green; nil: it is not asked.
	Explain func(ctx context.Context, cfg SupervisorConfig) ([]observed.Ailment, error)
	// Progress tells a person what is going on; nil: silence.
	Progress func(format string, args ...any)
	// OnEvent is passed on to the backend.
	OnEvent func(Event)
	// Journal is passed on to the backend.
	Journal string
	// Gate holds the plan up, or lets it on; nil: it goes by the clock.
	Gate Gate
	// Allow is asked before a fault strikes; nil allows every one.
	Allow func(f chaos.Fault, victims []string) error
	// Attendant keeps the cluster after the run's end; nil: it goes with the run.
	Attendant Attendant
}

// Attendant is somebody outside who is let at the cluster while the run goes on.
type Attendant interface {
	// Attend is a process of the cluster's clock from t=0 until the run is stopped.
	Attend(ctx context.Context, r *Run) error
	// Ended is told what came of a run that came to its end. The cluster stays until the run
	// is stopped from outside.
	Ended(res *Result)
}

// Options vary a run of a scenario.
type Options struct {
	Seed  uint64 // 0: the scenario's
	Scale Scale
	// Plan replaces the scenario's faults, for replays.
	Plan *chaos.Plan
	// Rest, where there is one, ends the load before the scenario's duration is over: when all
	// faults have struck, those that pass have healed, and the cluster has been green with
	// nothing moving for so long. Stuck ends it, too, when for so long no fault has struck or
	// healed though some are left.
	Rest, Stuck time.Duration
}

// Result is all that a run left in memory.
type Result struct {
	Scenario *Scenario
	File     string
	Text     []byte
	Backend  string
	Scale    Scale
	Seed     uint64
	// Draws are the values that the seed drew, where the scenario varies.
	Draws    []Draw
	Notes    []string
	History  *observed.History
	Outcomes []Outcome
	Verdict  Verdict
	// Plan is the faults as they struck, with names for selectors.
	Plan     chaos.Plan
	LogLines []LogLine
	// Aborted says why the run ended early; nil when it did not.
	Aborted error
	Virtual time.Duration
	Wall    time.Duration
	Events  uint64
	// TraceHash is the backend's rolling hash over its events; 0: it has none.
	TraceHash uint64
	// Zero is the monotonic time of the cluster's clock at t=0, from which times of its events are
	// counted otherwise.
	Zero time.Duration
	// Calibration is the constants of the simulator as JSON where the run was given its
	// own; nil: those it is built with.
	Calibration []byte
}

// LogLine is a line of the controller's log.
type LogLine struct {
	At   time.Duration
	Text string
}

// cleanupLimit bounds healing, the last checks and the removal of the cluster after
// an abort.
const cleanupLimit = 90 * time.Second

// Run runs a scenario. The error wraps [ErrUnavailable] when it could not begin;
// after an abort the result is there, with what was seen until then.
func (r *Runner) Run(ctx context.Context, loaded *Loaded, opt Options) (*Result, error) {
	res, err := r.once(ctx, loaded, opt)
	if err != nil || res.Aborted != nil {
		return res, err
	}
	return res, r.compare(ctx, loaded, opt, res)
}

// once is one run, without those that expectations compare it with.
func (r *Runner) once(ctx context.Context, loaded *Loaded, opt Options) (*Result, error) {
	seed := loaded.Seed
	if opt.Seed != 0 {
		seed = opt.Seed
	}
	loaded, err := loaded.Drawn(seed)
	if err != nil {
		return nil, err
	}
	s, notes := loaded.Scaled(opt.Scale)
	if opt.Plan != nil {
		s.Faults = opt.Plan.Entries
	}
	progress := r.Progress
	if progress == nil {
		progress = func(string, ...any) {}
	}
	if err := loaded.Foresee(); err != nil {
		return nil, err
	}
	if err := Supported(ctx, r.Backend, s); err != nil {
		return nil, err
	}
	cluster, err := r.Backend.Start(ctx, s.ClusterSpec(), StartOptions{Seed: seed, Progress: progress, OnEvent: r.OnEvent, Journal: r.Journal})
	if err != nil {
		return nil, loaded.placed(err)
	}
	defer func() {
		// Whatever happens, also a panic: nothing of the cluster stays behind. A second
		// Close does nothing.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit) //determinism:allow context the cluster's own clock has stopped by now
		defer cancel()
		cluster.Close(closing)
	}()
	run := &Run{runner: r, loaded: loaded, seed: seed, scale: opt.Scale, rest: opt.Rest, stuck: opt.Stuck, scenario: s, cluster: cluster, progress: progress, history: &observed.History{Nodes: cluster.Nodes(), Settled: -1, Described: -1}}
	if run.session, err = s.system.Begin(run); err != nil {
		return nil, err
	}
	run.notes = notes
	err = cluster.Run(ctx, run.main)
	if err == nil || errors.Is(err, ErrAborted) {
		notes = append(notes, cluster.Notes()...)
		if c, ok := cluster.(Stalling); ok {
			run.history.Stalled = c.Stalled()
		}
		if c, ok := cluster.(Watched); ok {
			run.history.Machine = c.Machine()
			notes = append(notes, run.history.Machine.Notes()...)
		}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit) //determinism:allow context the cluster's own clock has stopped by now
	defer cancel()
	if closeErr := cluster.Close(closing); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("removing the cluster: %w", closeErr))
	}
	if err != nil && !errors.Is(err, ErrAborted) {
		return nil, loaded.placed(err)
	}
	return run.result(notes, err), nil
}

// result judges what was seen; err is that of an abort.
func (r *Run) result(notes []string, err error) *Result {
	s := r.scenario
	res := &Result{
		Scenario: s, File: r.loaded.File, Text: r.loaded.Text, Backend: r.runner.Backend.Name(), Scale: r.scale, Seed: r.seed,
		Draws: r.loaded.Draws, Notes: notes, History: r.history, LogLines: r.lines, Virtual: r.history.Closed, Plan: r.struck(), Zero: r.zero,
	}
	res.Events, res.TraceHash = r.cluster.Counters()
	if errors.Is(err, ErrAborted) {
		res.Aborted = err
		res.Verdict = Unknown
		return res
	}
	for _, e := range s.Expect {
		res.Outcomes = append(res.Outcomes, e.judged(r.history)...)
	}
	res.Outcomes = append(res.Outcomes, r.unshown()...)
	res.Verdict = Worst(res.Outcomes)
	return res
}

// errNotHealed ends a run whose faults can't be undone: what was seen is reported, and
// judging it would blame the cluster for them.
var errNotHealed = errors.New("a fault could not be healed")

// Run is the state of one run; its methods are for the system's [Session].
type Run struct {
	runner   *Runner
	loaded   *Loaded
	seed     uint64
	scale    Scale
	rest     time.Duration // ends the load early; 0: it goes on for the scenario's duration
	stuck    time.Duration
	notes    []string // of scaling
	scenario *Scenario
	cluster  Cluster
	progress func(format string, args ...any)
	clock    clock.Clock
	zero     time.Duration // clock's monotonic time at t=0
	injector *chaos.Injector
	actives  []*chaos.Active
	session  Session
	started  bool // load and controller were

	// mu guards what several processes touch; it is held for moments only.
	mu       sync.Mutex
	begun    bool // t=0 has come
	closed   bool // what comes now is too late for the history
	state    observed.Live
	halted   bool // nothing strikes any more
	flights  []*flight
	inForce  int // faults struck and not healed
	history  *observed.History
	lines    []LogLine
	watchers []*watcher
	plan     []*planned // its entries as the file has them, then those by order
	// orders is while faults may strike by order: the processes of the strain, and their context.
	orders clock.Group
	work   context.Context
}

// Supported refuses what a backend can't do to the cluster of a scenario, before anything
// is started. The error wraps [ErrUnavailable].
func Supported(ctx context.Context, b Backend, s *Scenario) error {
	t, err := Offered(ctx, b, s)
	if err != nil {
		return err
	}
	for _, e := range s.Faults {
		if err := chaos.Supports(e.Fault, t, s.Topology()); err != nil {
			return fmt.Errorf("%w: backend %s: %w", ErrUnavailable, b.Name(), err)
		}
	}
	return nil
}

// Offered is what faults could act on in a run of a scenario: what the backend offers, and
// the controllers.
func Offered(ctx context.Context, b Backend, s *Scenario) (chaos.Target, error) {
	t, err := b.Offers(ctx, s.ClusterSpec())
	if err != nil {
		return chaos.Target{}, err
	}
	return s.system.Offer(s, t), nil
}

// main is the run, as a process of the cluster's clock.
func (r *Run) main(ctx, cleanup context.Context) error {
	r.clock = r.cluster.Clock(ViewerClient)
	started := r.clock.Monotonic()
	// After a halt, too, it is watched until it is in the steady state again.
	watch, stopWatching := r.clock.WithCancel(cleanup)
	defer stopWatching()
	attend, leave := r.clock.WithCancel(ctx)
	defer leave()
	err := r.prepare(ctx, watch, started)
	switch {
	case err == nil:
		r.attended(attend)
		err = r.trouble(ctx, cleanup)
	case r.runner.Attendant != nil && errors.Is(err, errNotSteady):
		r.progress("%v; it is served as it is", err)
		r.beginAt(r.clock.Monotonic())
		r.attended(attend)
		for ctx.Err() == nil {
			_ = r.clock.Sleep(ctx, time.Hour) // ends with ctx
		}
	}
	limited, cancel := r.clock.WithTimeout(cleanup, cleanupLimit)
	defer cancel()
	healErr := r.healAll(limited)
	r.settleHalted(limited)
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if err == nil && healErr != nil {
		err, healErr = fmt.Errorf("%w: %w", errNotHealed, healErr), nil
	}
	switch {
	case ctx.Err() != nil || errors.Is(err, errNotSteady) || (err != nil && r.hasBegun()):
		r.history.Closed = r.now()
		if r.started {
			r.history.Tracers = r.session.Summary()
		}
		if r.history.End == 0 {
			r.history.End = r.history.Closed
		}
		if ctx.Err() == nil { // the run can't go on, and what was seen so far is reported
			return errors.Join(fmt.Errorf("%w: %w", ErrAborted, err), healErr)
		}
		at := fmt.Errorf("%w at %s", ErrAborted, r.now().Round(time.Millisecond))
		if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
			at = fmt.Errorf("%w: %w", at, cause)
		}
		return errors.Join(at, healErr)
	case err != nil:
		return errors.Join(err, healErr)
	}
	return r.stay(ctx)
}

// prepare loads the data and waits for the first steady state, which is t=0.
func (r *Run) prepare(ctx, watch context.Context, started time.Duration) error {
	if err := r.cluster.Observe(watch, r.observe); err != nil {
		return fmt.Errorf("observing the cluster: %w", err)
	}
	if err := r.session.Prepare(ctx); err != nil {
		misplaced := (*Misplaced)(nil)
		switch {
		case errors.As(err, &misplaced) && misplaced.Explained:
			return &Misplaced{Path: misplaced.Path, Err: fmt.Errorf("%w%s", misplaced.Err, observed.Why(r.explain(ctx)))}
		case errors.Is(err, ErrScenario) && misplaced == nil:
			return fmt.Errorf("%w%s", err, observed.Why(r.explain(ctx)))
		}
		return err
	}
	if r.scenario.FromStart() { // it is as it was said to be: that moment is t=0
		r.beginAt(r.clock.Monotonic())
		return r.release(ctx)
	}
	r.progress("waiting for the steady state")
	if err := r.waitSteady(ctx, r.scenario.Steady.D(), r.scenario.Rest); err != nil {
		return fmt.Errorf("the cluster reached no steady state%s within %s: %w (%s)%s", r.scenario.Rest.within(), r.scenario.Steady, err, r.live().Health.Text(), observed.Why(r.explain(ctx)))
	}
	r.beginAt(r.clock.Monotonic())
	r.history.Steady = r.zero - started
	if err := r.release(ctx); err != nil {
		return err
	}
	r.progress("steady after %s; t=0", r.history.Steady.Round(time.Millisecond))
	return nil
}

// release lets go of what held copies in place.
func (r *Run) release(ctx context.Context) error {
	if err := r.session.Release(ctx); err != nil {
		return fmt.Errorf("releasing the placement: %w", err)
	}
	return nil
}

// trouble is the time from t=0 to the last check.
func (r *Run) trouble(ctx, cleanup context.Context) error {
	r.injector = &chaos.Injector{Clock: r.clock, Target: r.session.Target(), View: liveView{r}, Zero: r.zero, ProbeLimit: probeLimit, Allow: r.runner.Allow}
	err := r.strain(ctx, cleanup)
	if err != nil {
		return err
	}
	r.history.End = r.now()
	if err := r.healPassing(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotHealed, err)
	}
	r.progress("faults and load have ended; waiting for the steady state")
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.session.Verify(ctx); err != nil {
		return fmt.Errorf("looking for the acknowledged writes: %w", err)
	}
	r.sampleTraffic()
	r.history.Tracers = r.session.Summary()
	r.history.Closed = r.now()
	return nil
}

// settle waits for the steady states that are expected after the end, and asks why where
// one does not come.
func (r *Run) settle(ctx context.Context) error {
	missed := false
	for _, want := range r.scenario.settlesIn() {
		err := r.waitSteady(ctx, r.scenario.Settle.D(), want)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			missed = true
		case want == nil:
			r.history.Settled = r.now()
		default:
			r.history.Described = r.now()
		}
	}
	if missed {
		r.history.Ailments = r.explain(ctx)
	}
	return nil
}

// strain is load, controller and faults, from t=0 until the scenario's duration is
// over. It returns when all of their processes have ended, also after an abort: what
// comes next heals, and nothing must strike meanwhile.
func (r *Run) strain(ctx, cleanup context.Context) error {
	work, stop := r.clock.WithCancel(ctx)
	defer stop()
	group := r.clock.NewGroup()
	r.started = true
	err := r.session.Start(work, group)
	if err == nil {
		r.startFaults(work, group)
		r.orders, r.work = group, work
		err = r.wear(ctx)
	}
	limited, cancel := r.clock.WithTimeout(cleanup, cleanupLimit)
	defer cancel()
	r.orders = nil
	stop()
	if stopErr := r.session.Stop(limited); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("stopping the load: %w", stopErr))
	}
	if waitErr := group.Wait(limited); waitErr != nil {
		err = errors.Join(err, fmt.Errorf("waiting for load, controller and faults to end: %w", waitErr))
	}
	return err
}

// wear waits until the scenario's duration is over, or until all is over before that.
func (r *Run) wear(ctx context.Context) error {
	if r.rest == 0 {
		return r.awaitPlan(ctx, r.scenario.Duration.D())
	}
	since, last, before := time.Duration(-1), time.Duration(0), 0
	for r.now() < r.scenario.Duration.D() {
		steps, left := r.steps()
		if steps != before {
			last, before = r.now(), steps
		}
		switch {
		case left > 0 && r.stuck > 0 && r.now()-last >= r.stuck:
			return nil
		case left > 0 || !r.restsNow(nil):
			since = -1
		case since < 0:
			since = r.now()
		case r.now()-since >= r.rest:
			return nil
		}
		if err := r.clock.Sleep(ctx, sampleEvery); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *Run) beginAt(zero time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zero, r.begun = zero, true
	if c, ok := r.cluster.(Watched); ok {
		c.MachineBegin()
	}
	for i := range r.history.Observations {
		r.history.Observations[i].Shift(zero)
	}
}

// hasBegun reports whether t=0 has come.
func (r *Run) hasBegun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

func (r *Run) now() time.Duration { return r.clock.Monotonic() - r.zero }

// SleepUntil waits for a time since t=0.
func (r *Run) SleepUntil(ctx context.Context, at time.Duration) error {
	if d := at - r.now(); d > 0 {
		return r.clock.Sleep(ctx, d)
	}
	return ctx.Err()
}
