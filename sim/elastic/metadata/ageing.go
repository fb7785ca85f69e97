package metadata

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ageing has the indices of the cluster follow their policies (IndexLifecycleService). It
// looks at them every indices.lifecycle.poll_interval, and again whenever one has taken a
// step. It does nothing, and has no timer, while there is no policy.
type ageing struct {
	m     *elastic.Master
	timer sim.Timer
	on    bool
	every time.Duration
	// busy are the UUIDs of indices of which a step is under way.
	busy map[string]bool
}

// NewAgeing has a master age indices (elastic.Config.Ageing).
func NewAgeing(m *elastic.Master) elastic.Follower { return &ageing{m: m} }

// Stop implements [Follower].
func (a *ageing) Stop() { a.timer.Stop() }

// Applied starts the timer when there are policies, and stops it when there are none.
func (a *ageing) Applied(d *delta.Delta) {
	want := len(d.New.Policies) > 0 && !d.New.AgeingStopped && a.m.Process.Cluster.Distribution() != elastic.MinimalDistribution
	every := settings.LifecyclePollInterval.Get(a.m.Process.Conf)
	if want == a.on && every == a.every {
		if a.on && d.RoutingChanged() {
			a.lookAtMoves()
		}
		if a.on {
			a.lookAtOrdered(d)
		}
		return
	}
	a.timer.Stop()
	a.on, a.every = want, every
	if want {
		if a.busy == nil {
			a.busy = make(map[string]bool)
		}
		a.plan()
		a.look()
	}
}

func (a *ageing) plan() {
	a.timer = a.m.Process.After(a.every, "lifecycle.poll", func() {
		if a.m.Over || !a.on {
			return
		}
		a.plan()
		a.look()
	})
}

// look has every index that is under a policy take the step that it is at.
func (a *ageing) look() {
	for _, meta := range a.m.Process.Applied.Indices {
		a.visit(meta.Name)
	}
}

// lookAtMoves visits the indices that wait for their copies to be where they belong.
func (a *ageing) lookAtMoves() {
	for _, meta := range a.m.Process.Applied.Indices {
		if l := meta.Lifecycle; l != nil && (l.Action == "migrate" || l.Action == "allocate") {
			a.visit(meta.Name)
		}
	}
}

// lookAtOrdered visits the indices that somebody has put at another step: of those that this
// service moves on itself a step is under way.
func (a *ageing) lookAtOrdered(d *delta.Delta) {
	for _, meta := range d.Metas {
		if was := d.Old.Index(meta.Name); was != nil && meta.Lifecycle != nil && was.Lifecycle != meta.Lifecycle {
			a.visit(meta.Name)
		}
	}
}

// visit takes the step that an index is at, if it can be taken now.
func (a *ageing) visit(index string) {
	st := a.m.Process.Applied
	meta := st.Index(index)
	if a.m.Over || !a.on || meta == nil || a.busy[meta.UUID] {
		return
	}
	policy := st.Policy(settings.IndexLifecycle.Get(meta.Settings))
	if policy == nil {
		return
	}
	at := meta.Lifecycle
	if at == nil || at.Action == lifecycle.Complete {
		if ph := lifecycle.Next(policy, at, lifecycle.Age(meta, a.m.Process.Clock.Now())); ph != nil {
			a.enter(meta, policy, ph)
		}
		return
	}
	ph := policy.Phase(at.Phase)
	if ph == nil {
		return // the policy has lost the phase since
	}
	action := lifecycle.Action(ph, at.Action)
	if action == nil {
		a.pass(meta, ph, nil)
		return
	}
	a.act(st, meta, ph, action)
}

// enter takes an index into a phase.
func (a *ageing) enter(meta *state.Index, policy *state.Policy, ph *state.Phase) {
	now := a.m.Process.Clock.Now().UnixMilli()
	first := lifecycle.After(ph, "")
	a.change(meta, "phase "+ph.Name, func(next *state.Index) {
		next.Lifecycle = &state.Lifecycle{
			Phase: ph.Name, Action: first, Step: stepOf(first), PhaseMillis: now, ActionMillis: now, StepMillis: now,
			PolicyVersion: policy.Version, PolicyModified: policy.ModifiedMillis,
		}
	})
}

// pass takes an index to the next action of its phase, with what the one before sets.
func (a *ageing) pass(meta *state.Index, ph *state.Phase, set map[string]*string) {
	now := a.m.Process.Clock.Now().UnixMilli()
	following := lifecycle.After(ph, meta.Lifecycle.Action)
	a.changeWith(meta, "action "+following, set, func(next *state.Index) {
		l := *next.Lifecycle
		l.Action, l.Step, l.ActionMillis, l.StepMillis, l.FailedStep, l.Info = following, stepOf(following), now, now, "", ""
		next.Lifecycle = &l
	})
}

// stepOf is the step that an action begins, or waits, with.
func stepOf(action string) string {
	switch action {
	case "rollover":
		return "check-rollover-ready"
	case "migrate":
		return "check-migration"
	case "allocate":
		return "check-allocation"
	case "forcemerge":
		return "forcemerge"
	}
	return action
}

func (a *ageing) change(meta *state.Index, what string, f func(*state.Index)) {
	a.changeWith(meta, what, nil, f)
}

// changeWith is a task that changes an index's settings and how far it is, and visits it
// again when it is done.
func (a *ageing) changeWith(meta *state.Index, what string, set map[string]*string, f func(*state.Index)) {
	a.task(meta, what, func(st *state.State) (*state.State, error) {
		next := st
		if len(set) > 0 {
			var err error
			if next, err = a.m.ChangeIndexSettings(st, []string{meta.Name}, set); err != nil {
				return nil, err
			}
		}
		changed := *next.Index(meta.Name)
		f(&changed)
		return indexmeta.ReplaceIndex(next, &changed), nil
	})
}

// task has the master change the state for an index that is still there; a failure is noted at
// the index.
func (a *ageing) task(meta *state.Index, what string, update func(*state.State) (*state.State, error)) {
	a.busy[meta.UUID] = true
	over := func() { delete(a.busy, meta.UUID) }
	a.m.Submit(coordination.Task{
		Source: "ilm-execute-cluster-state-steps [" + meta.Name + "] " + what, Priority: coordination.Normal,
		Update: func(st *state.State) (*state.State, error) {
			if now := st.Index(meta.Name); now == nil || now.UUID != meta.UUID {
				return st, nil
			}
			return update(st)
		},
		Published: func(old, st *state.State) {
			over()
			if old != st {
				a.visit(meta.Name)
			}
		},
	}, func(err error) {
		over()
		if err != elastic.ErrNotMaster {
			a.failed(meta, err)
		}
	})
}

// failed notes that an index's step failed; it is tried again at the next look.
func (a *ageing) failed(meta *state.Index, err error) {
	if meta.Lifecycle == nil || meta.Lifecycle.Info == err.Error() {
		return
	}
	a.busy[meta.UUID] = true
	a.m.Submit(coordination.Task{
		Source: "ilm-move-to-error-step [" + meta.Name + "]", Priority: coordination.Normal,
		Update: func(st *state.State) (*state.State, error) {
			now := st.Index(meta.Name)
			if now == nil || now.UUID != meta.UUID || now.Lifecycle == nil {
				return st, nil
			}
			changed, l := *now, *now.Lifecycle
			l.FailedStep, l.Info = l.Step, err.Error()
			changed.Lifecycle = &l
			return indexmeta.ReplaceIndex(st, &changed), nil
		},
		Published: func(_, _ *state.State) { delete(a.busy, meta.UUID) },
	}, func(error) { delete(a.busy, meta.UUID) })
}

// act does an action, or looks whether what it waits for has come.
func (a *ageing) act(st *state.State, meta *state.Index, ph *state.Phase, action *state.PhaseAction) {
	switch action.Name {
	case "rollover":
		a.rollOver(st, meta, ph, action)
	case "forcemerge":
		a.merge(meta, ph, action)
	case "delete":
		a.task(meta, "delete", func(st *state.State) (*state.State, error) { return deleteIndices(a.m, st, []string{meta.Name}) })
	case "migrate", "allocate":
		a.move(st, meta, ph, action)
	default: // readonly and set_priority only set something
		a.pass(meta, ph, action.Settings)
	}
}

// rollOver rolls the index's alias or data stream over when the conditions are met.
func (a *ageing) rollOver(st *state.State, meta *state.Index, ph *state.Phase, action *state.PhaseAction) {
	name := settings.IndexRolloverAlias.Get(meta.Settings)
	if d := st.StreamOf(meta.Name); d != nil {
		name = d.Name
	}
	rolled := slices.ContainsFunc(meta.Rollovers, func(r state.Rollover) bool { return r.Name == name })
	if rolled || settings.IndexIndexingComplete.Get(meta.Settings) {
		a.pass(meta, ph, nil)
		return
	}
	from, _, err := RolloverNames(st, name, "", a.m.Process.Clock.Now())
	switch {
	case name == "":
		a.failed(meta, api.IllegalArgument("setting [index.lifecycle.rollover_alias] for index [%s] is empty or not defined", meta.Name))
		return
	case err != nil:
		a.failed(meta, err)
		return
	case from != meta.Name:
		a.failed(meta, api.IllegalArgument("index [%s] is not the write index for alias [%s]", meta.Name, name))
		return
	}
	a.busy[meta.UUID] = true
	figures.PrimaryFigures(a.m.Process, meta, func(f lifecycle.Figures) {
		delete(a.busy, meta.UUID)
		if a.m.Over || f.Docs == 0 || !lifecycle.RollsOver(action.Conditions, &f) {
			return // an empty index is never rolled over by a policy
		}
		met := slices.DeleteFunc(slices.Clone(action.Conditions), func(c state.Condition) bool { return !lifecycle.Met(c, &f) })
		a.task(meta, "rollover", func(st *state.State) (*state.State, error) {
			next, _, err := rollover(a.m, st, Rollover{Name: name, From: meta.Name, Conditions: met})
			return next, err
		})
	})
}

// merge merges the index's copies by force.
func (a *ageing) merge(meta *state.Index, ph *state.Phase, action *state.PhaseAction) {
	a.busy[meta.UUID] = true
	oncopies.ForceMergeAll(a.m.Process, meta, oncopies.MergeOrder{MaxSegments: action.Segments, Flush: true}, func(failed *elastic.Error) {
		delete(a.busy, meta.UUID)
		switch {
		case a.m.Over:
		case failed != nil:
			a.failed(meta, failed)
		default:
			a.pass(meta, ph, nil)
		}
	})
}

// move sets where an index's copies belong, and goes on when all of them are there.
func (a *ageing) move(st *state.State, meta *state.Index, ph *state.Phase, action *state.PhaseAction) {
	if action.Disabled {
		a.pass(meta, ph, nil)
		return
	}
	next := meta.Settings.With(action.Settings)
	if !next.Equal(meta.Settings) {
		a.changeWith(meta, action.Name, action.Settings, func(*state.Index) {})
		return
	}
	if settled(a.m, st, meta) {
		a.pass(meta, ph, nil)
	}
}

// settled reports whether every copy of an index has started, where it may stay.
func settled(m *elastic.Master, st *state.State, meta *state.Index) bool {
	for _, t := range st.Routing.Index(meta.Name).Shards {
		for _, c := range t.Copies {
			if c.State != state.Started {
				return false
			}
			if x := m.Alloc.Explain(st, m.Input(), c, false); x.Move != nil && !x.Move.CanRemain {
				return false
			}
		}
	}
	return true
}
