package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/units"
)

const (
	// probeLimit bounds the look at one primitive after injection and after healing.
	probeLimit = 10 * time.Second
	// sampleEvery is how often the background load's counters are noted.
	sampleEvery = time.Second
	// restFor is how long the cluster must be green with nothing moving to count as
	// steady: reconciliation pauses for some tenths of a second between moves.
	restFor = time.Second
	// steadyPoll is how often the observed state is looked at while waiting.
	steadyPoll = 50 * time.Millisecond
)

func durationOf(d time.Duration) units.Duration { return units.Duration(d) }

// observe takes an observation into the history.
func (r *run) observe(o Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.begun {
		o.shift(r.zero)
	}
	r.state.take(o)
	r.history.Observations = append(r.history.Observations, o)
}

// shift turns the clock's time into time since t=0.
func (o *Observation) shift(zero time.Duration) {
	o.At -= zero
	if rec, ok := o.Sight.(Recovery); ok {
		rec.Start -= zero
		if rec.Stop != 0 {
			rec.Stop -= zero
		}
		o.Sight = rec
	}
}

// waitSteady waits until the cluster has been green and at rest for a moment.
func (r *run) waitSteady(ctx context.Context, limit time.Duration) error {
	deadline := r.clock.Monotonic() + limit
	since := time.Duration(-1)
	for {
		now := r.clock.Monotonic()
		switch {
		case !r.steadyNow():
			since = -1
		case since < 0:
			since = now
		case now-since >= restFor:
			return nil
		}
		if now >= deadline {
			return errNotSteady
		}
		if err := r.clock.Sleep(ctx, steadyPoll); err != nil {
			return err
		}
	}
}

var errNotSteady = errors.New("time ran out")

func (r *run) startLoad(ctx context.Context, group clock.Group) error {
	if r.scenario.System == systemKV {
		r.sampling(ctx, group)
		return r.startKV(ctx, group)
	}
	tracers := newTracers(r)
	r.tracers = tracers
	if err := r.cluster.Background(ctx, r.scenario.loadsAt(0)); err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	r.startLateLoad(ctx, group)
	for i, w := range r.scenario.Workload {
		if *w.Tracers > 0 {
			group.Go(ctx, fmt.Sprintf("tracer %d", i), func(ctx context.Context) {
				if r.sleepUntil(ctx, w.From.D()) == nil {
					tracers.write(ctx, group, w)
				}
			})
		}
	}
	r.sampling(ctx, group)
	return nil
}

// sampling notes the load's counters as long as it goes on.
func (r *run) sampling(ctx context.Context, group clock.Group) {
	group.Go(ctx, "traffic", func(ctx context.Context) {
		for r.clock.Sleep(ctx, sampleEvery) == nil {
			r.sampleTraffic()
		}
	})
}

// startLateLoad adds the streams that begin after t=0 when their time has come.
func (r *run) startLateLoad(ctx context.Context, group clock.Group) {
	var times []time.Duration
	for _, w := range r.scenario.Workload {
		if w.From > 0 {
			times = append(times, w.From.D())
		}
	}
	slices.Sort(times)
	if len(times) == 0 {
		return
	}
	group.Go(ctx, "load", func(ctx context.Context) {
		for _, at := range slices.Compact(times) {
			if r.sleepUntil(ctx, at) != nil {
				return
			}
			if err := r.cluster.Background(ctx, r.scenario.loadsAt(at)); err != nil {
				r.log("a load did not begin: " + err.Error())
			}
		}
	})
}

func (r *run) sampleTraffic() {
	t := r.cluster.Traffic()
	if kv, ok := r.tracers.(*kvRun); ok {
		t = kv.traffic()
	}
	r.history.Traffic = append(r.history.Traffic, TrafficSample{At: r.now(), Traffic: t})
}

func (r *run) startController(ctx context.Context, group clock.Group) error {
	if r.scenario.Controller == nil {
		return nil
	}
	return r.controllers.start(ctx, group)
}

// startFaults injects every fault at its time and heals those that pass. Records
// stand in the order of the plan's times.
func (r *run) startFaults(ctx context.Context, group clock.Group) {
	order := r.inOrder()
	group.Go(ctx, "faults", func(ctx context.Context) {
		for _, e := range order {
			if r.sleepUntil(ctx, e.At.D()) != nil {
				return
			}
			r.progress("t=%s: %s", e.At, e.Fault.Kind())
			a := r.injector.Strike(ctx, e.Fault)
			a.Record.Due = e.At.D()
			r.actives = append(r.actives, a)
			r.history.Faults = append(r.history.Faults, a.Record)
			if !a.Record.Injected {
				r.progress("the fault was not injected: %s", a.Record.Error)
				continue
			}
			r.addInForce(1)
			if d := e.Fault.Lasts(); d > 0 {
				group.Go(ctx, "heal", func(ctx context.Context) {
					if r.sleepUntil(ctx, e.At.D()+d) == nil && a.Heal(ctx) == nil {
						r.addInForce(-1)
						r.progress("t=%s: %s healed", units.Duration(r.now().Round(time.Millisecond)), e.Fault.Kind())
					}
				})
			}
		}
	})
}

// healPassing ends what the run put in force, except what is meant for good, such as a lost node.
func (r *run) healPassing(ctx context.Context) error {
	var errs []error
	for _, a := range r.actives {
		if chaos.ForGood(a.Record.Params) && a.Record.Injected {
			errs = append(errs, a.Settle(ctx))
			continue
		}
		errs = append(errs, a.Heal(ctx))
	}
	return errors.Join(errs...)
}

// healAll heals what an abort or an error has left in force; after a whole run
// nothing but lost nodes is, and those go with the cluster.
func (r *run) healAll(ctx context.Context) error {
	if r.injector == nil {
		return nil
	}
	return r.healPassing(ctx)
}

// decided takes in a controller's record; its time is still the clock's.
func (r *run) decided(d Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	d.At -= r.zero
	r.history.decided(d)
}

func (r *run) log(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.lines = append(r.lines, LogLine{r.now(), line})
}

func (r *run) addInForce(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inForce += n
}

func (r *run) faultInForce() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inForce > 0
}

// steadyNow is whether the cluster is green and at rest at this moment.
func (r *run) steadyNow() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.steady()
}

// live is a copy of what the observations say now, without the shards.
func (r *run) live() liveState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return liveState{health: r.state.health, members: r.state.members, seen: r.state.seen}
}
