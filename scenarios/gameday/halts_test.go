package gameday_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/gameday"
)

// twoLost is a game day with a fault of a node for a while, another of the same node while the
// first is in force, and a step that waits.
const twoLost = `
name: two-lost
about: Nodes are lost.
system: elasticsearch
cluster:
  nodes: {count: 3, disk: 1gb}
  indices:
    - {name: logs, shards: 3, replicas: 1, size: 10mb}
  settings: {index.unassigned.node_left.delayed_timeout: 5s}
faults:
  - {at: 10s, node-loss: {node: n2, for: 20s}}
  - {at: 14s, node-loss: {node: n2, for: 30s}}
expect:
  - {recovered: green, within: 100s, of: node-loss}
duration: 60s
gameday:
  hypothesis: The cluster stays writable.
  seeds: 1
  steps:
    - {name: look around, at: 0s}
    - {name: the loss, at: 8s, wait: approval}
  probes:
    - {name: shop, http: "http://shop.example/", for: 0s}
`

// slow is a simulated cluster on whose nodes it takes a while until something is done.
type slow struct {
	es.Cluster
	kill, start time.Duration
	refuse      error // what starting a process answers

	killing, starting []time.Duration // when it was asked for
	down              bool
}

// slowly starts them.
type slowly struct {
	scenarios.Backend
	cluster *slow
}

func (b slowly) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	c, err := b.Backend.Start(ctx, spec, opt)
	if err != nil {
		return nil, err
	}
	b.cluster.Cluster = c.(es.Cluster)
	return b.cluster, nil
}

func (s *slow) Target() chaos.Target {
	t := s.Cluster.Target()
	t.Processes = slowProcesses{t.Processes, s, s.Clock(scenarios.ViewerClient)}
	return t
}

type slowProcesses struct {
	chaos.Processes
	s     *slow
	clock clock.Clock
}

func (p slowProcesses) Kill(ctx context.Context, node string) error {
	p.s.killing = append(p.s.killing, p.clock.Monotonic())
	err := p.Processes.Kill(ctx, node) // at once, but that it has is told late
	p.s.down = true
	return errors.Join(err, p.clock.Sleep(ctx, p.s.kill))
}

func (p slowProcesses) Start(ctx context.Context, node string) error {
	p.s.starting = append(p.s.starting, p.clock.Monotonic())
	if p.s.refuse != nil {
		return p.s.refuse
	}
	if err := p.clock.Sleep(ctx, p.s.start); err != nil {
		return err
	}
	err := p.Processes.Start(ctx, node)
	p.s.down = err != nil
	return err
}

// halting is a game day that is halted at a moment.
type halting struct {
	cluster *slow
	course  *gameday.Course
	shop    error
	// with ends it, as a process of the run's clock.
	with func(ctx context.Context, h *halting)
	at   time.Duration

	zero, halted time.Duration
	stop         context.CancelCauseFunc
}

// Attend implements [scenarios.Attendant].
func (h *halting) Attend(ctx context.Context, r *scenarios.Run) error {
	h.zero = r.Zero()
	r.Clock().Go(ctx, "people", func(ctx context.Context) {
		next := h.at > 8*time.Second // the step that waits is let begin
		if next && r.Clock().Sleep(ctx, 8500*time.Millisecond) == nil {
			_ = h.course.Next("ann")
		}
		if r.Clock().Sleep(ctx, h.at-r.Since()) == nil {
			h.halted = r.Clock().Monotonic()
			h.with(ctx, h)
		}
	})
	h.course.Watch(ctx, r)
	return nil
}

// Ended implements [scenarios.Attendant].
func (h *halting) Ended(*scenarios.Result) { h.stop(nil) }

func (h *halting) held(t *testing.T) *scenarios.Result {
	t.Helper()
	l, err := scenarios.ParseSet("two-lost.yaml", []byte(twoLost), nil, catalog.Vocabulary())
	require.NoError(t, err)
	sim, err := catalog.Backend("sim")
	require.NoError(t, err)
	plain := func(ctx context.Context, seed uint64) (*scenarios.Result, error) {
		return (&scenarios.Runner{Backend: sim, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}).Run(ctx, l, scenarios.Options{Seed: seed})
	}
	p, err := gameday.Predict(t.Context(), l, 1, plain, func(int, int) {})
	require.NoError(t, err)
	ctx, stop := context.WithCancelCause(t.Context())
	h.stop = stop
	h.course = gameday.New(gameday.Config{
		Loaded: l, Stop: stop, Enter: func(ctx context.Context, _ string, f func(context.Context)) error { f(ctx); return nil },
		Now: func() time.Duration { return 0 }, Tell: func(gameday.Moment) {}, Show: func(gameday.Sight) {},
		Probe: func(context.Context, scenarios.GamedayProbe) error { return h.shop },
	})
	h.course.Follow(l, p)
	runner := &scenarios.Runner{Backend: slowly{sim, h.cluster}, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain, Gate: h.course, Attendant: h}
	res, err := runner.Run(ctx, l, scenarios.Options{Seed: 1})
	require.NoError(t, err)
	return res
}

// byOrder is what the page, a signal, the file and shardquake gameday halt come down to.
func byOrder(ctx context.Context, h *halting) { h.course.Halt(ctx, "ann", "the shop is slow") }

// byGuardrail has a guardrail touched, which is judged every second.
func byGuardrail(_ context.Context, h *halting) { h.shop = errors.New("closed") }

// Every undo is issued within a second, whatever was going on, and nothing is in force afterwards.
func TestAHaltAtAnyMomentUndoesEverythingAtOnce(t *testing.T) {
	ways := map[string]func(context.Context, *halting){"order": byOrder, "guardrail": byGuardrail}
	for _, moment := range []struct {
		name    string
		at      time.Duration // of the run; a step that waits lets it on half a second late
		during  string
		inForce bool
	}{
		{"between steps, while one waits", 8200 * time.Millisecond, gameday.Going, false},
		{"before the first fault", 9500 * time.Millisecond, gameday.Going, false},
		{"while a fault strikes", 11 * time.Second, gameday.Going, true},
		{"with a fault in force", 13500 * time.Millisecond, gameday.Going, true},
		{"with two faults in force on the same node", 20 * time.Second, gameday.Going, true},
		{"while the last fault heals", 46 * time.Second, gameday.Going, true},
		{"after the faults", 57 * time.Second, gameday.Going, false},
		{"during the final waiting", 60600 * time.Millisecond, gameday.Settling, false},
	} {
		for way, with := range ways {
			if way == "guardrail" && moment.during == gameday.Settling {
				continue // the waiting is shorter than the next look; see below
			}
			t.Run(fmt.Sprintf("%s, by %s", moment.name, way), func(t *testing.T) {
				h := &halting{cluster: &slow{kill: 2 * time.Second, start: 4 * time.Second}, at: moment.at, with: with}
				res := h.held(t)
				halt := h.course.Halted()
				require.NotNil(t, halt)
				assert.Equal(t, moment.during, halt.During)
				assert.Empty(t, halt.Error)
				if moment.during == gameday.Going { // of the final waiting a moment is left, which may be over first
					assert.Error(t, res.Aborted, "nothing goes on after it")
				}
				assert.False(t, h.cluster.down, "the node runs again")
				for _, f := range res.History.Faults {
					assert.True(t, f.HealedAt >= 0 || !f.Injected, "%s is not in force", f.Kind)
				}
				starts := len(h.cluster.starting)
				if !moment.inForce {
					return
				}
				require.Positive(t, starts, "it was undone")
				assert.Positive(t, res.History.Settled, "the steady state was seen afterwards")
				if last := h.cluster.starting[starts-1]; last >= h.halted {
					limit := time.Second
					if way == "guardrail" {
						limit += time.Second // until it is looked at
					}
					assert.LessOrEqual(t, last-h.halted, limit, "issued in time")
				} else {
					assert.Equal(t, "while the last fault heals", moment.name, "what was being undone is not undone again")
				}
			})
		}
	}
}

// While the steady state is waited for, the plan is over and the guardrails are not.
func TestAGuardrailIsJudgedWhileTheSteadyStateIsWaitedFor(t *testing.T) {
	h := &halting{cluster: &slow{start: 30 * time.Second}, at: 62 * time.Second, with: byGuardrail}
	h.held(t)
	require.NotNil(t, h.course.Halted())
	assert.Equal(t, gameday.Settling, h.course.Halted().During)
	assert.Contains(t, h.course.Halted().Reason, "probe shop: closed")
}

func TestASecondHaltChangesNothing(t *testing.T) {
	h := &halting{cluster: &slow{start: 4 * time.Second}, at: 20 * time.Second, with: func(ctx context.Context, h *halting) {
		byOrder(ctx, h)
		h.course.Halt(ctx, "bob", "another reason")
	}}
	h.held(t)
	assert.Equal(t, "ann", h.course.Halted().Who)
	assert.Len(t, h.cluster.starting, 1, "the node was started once")
	halts := 0
	for _, m := range h.course.Moments() {
		if m.Kind == "halt" {
			halts++
		}
	}
	assert.Equal(t, 1, halts)
	h.course.Over()
	h.course.Halt(t.Context(), "carl", "too late")
	assert.Equal(t, "ann", h.course.Halted().Who)
}

// Permission that is lost in the middle: what can't be undone is told, tried again at the end,
// and not called undone.
func TestWhatCanNotBeUndoneIsTold(t *testing.T) {
	refused := errors.New("permission denied")
	h := &halting{cluster: &slow{refuse: refused}, at: 13500 * time.Millisecond, with: byOrder}
	res := h.held(t)
	halt := h.course.Halted()
	require.NotNil(t, halt)
	assert.Contains(t, halt.Error, "permission denied")
	require.ErrorContains(t, res.Aborted, "permission denied")
	assert.True(t, h.cluster.down)
	assert.Greater(t, len(h.cluster.starting), 1, "it was tried again")
	last := h.course.Moments()[len(h.course.Moments())-1]
	assert.Contains(t, last.Text, "not everything: ")
}
