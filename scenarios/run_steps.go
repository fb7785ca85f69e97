package scenarios

import (
	"context"
	"errors"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/observed"
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
func (r *Run) observe(o observed.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.begun {
		o.Shift(r.zero)
	}
	r.state.Take(o)
	r.history.Observations = append(r.history.Observations, o)
	r.tellWatchers(o)
}

// waitSteady waits until the cluster has been in a steady state for a moment; nil is green
// and at rest.
func (r *Run) waitSteady(ctx context.Context, limit time.Duration, want *RestSection) error {
	deadline := r.clock.Monotonic() + limit
	since := time.Duration(-1)
	for {
		now := r.clock.Monotonic()
		switch {
		case !r.restsNow(want):
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

// Scenario is what is run, with its defaults and scaled.
func (r *Run) Scenario() *Scenario { return r.scenario }

// Cluster is what the backend has started.
func (r *Run) Cluster() Cluster { return r.cluster }

// Clock is the clock of an endpoint outside the nodes that nothing is done to.
func (r *Run) Clock() clock.Clock { return r.clock }

// Zero is that clock's monotonic time at t=0.
func (r *Run) Zero() time.Duration { return r.zero }

// History takes what the session notes.
func (r *Run) History() *observed.History { return r.history }

// Progress tells a person what is going on.
func (r *Run) Progress(format string, args ...any) { r.progress(format, args...) }

// NewSupervisor makes the controller that the scenario asks for.
func (r *Run) NewSupervisor(cfg SupervisorConfig) (Supervisor, error) {
	return r.runner.NewSupervisor(cfg)
}

// Sample notes the load's counters as long as it goes on.
func (r *Run) Sample(ctx context.Context, group clock.Group) {
	group.Go(ctx, "traffic", func(ctx context.Context) {
		for r.clock.Sleep(ctx, sampleEvery) == nil {
			r.sampleTraffic()
		}
	})
}

func (r *Run) sampleTraffic() {
	r.history.Traffic = append(r.history.Traffic, observed.TrafficSample{At: r.now(), Traffic: r.session.Traffic()})
}

// healPassing ends what the run put in force, except what is meant for good, such as a lost node.
func (r *Run) healPassing(ctx context.Context) error {
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
func (r *Run) healAll(ctx context.Context) error {
	if r.injector == nil {
		return nil
	}
	return r.healPassing(ctx)
}

// Decided takes in a controller's record; its time is still the clock's.
func (r *Run) Decided(d observed.Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	d.At -= r.zero
	r.history.Decided(d)
}

// Log takes in a line of a controller's log.
func (r *Run) Log(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.lines = append(r.lines, LogLine{r.now(), line})
}

func (r *Run) addInForce(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inForce += n
}

// FaultInForce reports whether a fault is.
func (r *Run) FaultInForce() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inForce > 0
}

// restsNow is whether the cluster is in a steady state at this moment.
func (r *Run) restsNow(want *RestSection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return want.met(&r.state)
}

// live is a copy of what the observations say now, without the shards.
func (r *Run) live() observed.Live {
	r.mu.Lock()
	defer r.mu.Unlock()
	return observed.Live{Health: r.state.Health, Members: r.state.Members, Seen: r.state.Seen}
}
