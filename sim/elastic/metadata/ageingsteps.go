package metadata

import (
	"context"
	"encoding/json"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// StepKey names a step of a policy (Step.StepKey).
type StepKey struct {
	Phase  string `json:"phase"`
	Action string `json:"action,omitempty"`
	Name   string `json:"name,omitempty"`
}

// String is the key as Elasticsearch's errors show it.
func (k StepKey) String() string {
	text, err := json.Marshal(k)
	if err != nil {
		return k.Phase + "/" + k.Action + "/" + k.Name
	}
	return string(text)
}

// errorStep is the step of an index of which a step has failed.
const errorStep = "ERROR"

// StepOf is the step that an index is at.
func StepOf(l *state.Lifecycle) StepKey {
	switch {
	case l == nil:
		return StepKey{Phase: "new", Action: lifecycle.Complete, Name: lifecycle.Complete}
	case l.Info != "":
		return StepKey{l.Phase, l.Action, errorStep}
	}
	return StepKey{l.Phase, l.Action, l.Step}
}

// RetryAgeing has indices whose step has failed try it again at once (TransportRetryAction).
func RetryAgeing(ctx context.Context, n *elastic.Node, names []string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "ilm-re-run", elastic.Normal, masterTimeout, ackTimeout, retryAgeing{names})
	return acked, err
}

// retryAgeing has failed steps tried again.
type retryAgeing struct {
	names []string
}

func (c retryAgeing) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	for _, name := range c.names {
		meta := st.Index(name)
		if meta == nil {
			return nil, elastic.IndexNotFound(name)
		}
		if meta.Lifecycle == nil || meta.Lifecycle.Info == "" {
			return nil, api.IllegalArgument("cannot retry an action for an index [%s] that has not encountered an error when running a Lifecycle Policy", name)
		}
		l := *meta.Lifecycle
		l.Step, l.FailedStep, l.Info, l.StepMillis = l.FailedStep, "", "", m.Process.Cluster.Engine().Wall().UnixMilli()
		st = withLifecycle(st, meta, &l)
	}
	return st, nil
}

func withLifecycle(st *state.State, meta *state.Index, l *state.Lifecycle) *state.State {
	changed := *meta
	changed.Lifecycle = l
	return indexmeta.ReplaceIndex(st, &changed)
}

// MoveAgeing has an index go on at another step of its policy (TransportMoveToStepAction). A key
// without a name means the first step of its action, one without an action that of its phase.
func MoveAgeing(ctx context.Context, n *elastic.Node, name string, from, to StepKey, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "index["+name+"]-move-to-step-"+to.Name, elastic.Normal, masterTimeout, ackTimeout, moveAgeing{name, from, to})
	return acked, err
}

// moveAgeing moves an index to another step.
type moveAgeing struct {
	name string
	from StepKey
	to   StepKey
}

func (c moveAgeing) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	meta := st.Index(c.name)
	if meta == nil {
		return nil, api.IllegalArgument("index [%s] does not exist", c.name)
	}
	policy := settings.IndexLifecycle.Get(meta.Settings)
	if policy == "" {
		return nil, api.IllegalArgument("index [%s] is not associated with an Index Lifecycle Policy", c.name)
	}
	if at := StepOf(meta.Lifecycle); at != c.from {
		return nil, api.IllegalArgument("index [%s] is not on current step [%s], currently: [%s]", c.name, c.from, at)
	}
	p := st.Policy(policy)
	ph, step, bad := stepIn(p, c.to)
	if bad != nil {
		return nil, bad
	}
	if ph == nil {
		return nil, api.IllegalArgument("step [%s] for index [%s] with policy [%s] does not exist", c.to, c.name, policy)
	}
	now := m.Process.Cluster.Engine().Wall().UnixMilli()
	l := &state.Lifecycle{
		Phase: step.Phase, Action: step.Action, Step: step.Name, PhaseMillis: now, ActionMillis: now, StepMillis: now,
		PolicyVersion: p.Version, PolicyModified: p.ModifiedMillis,
	}
	if was := meta.Lifecycle; was != nil && was.Phase == l.Phase {
		l.PhaseMillis = was.PhaseMillis
	}
	return withLifecycle(st, meta, l), nil
}

// stepIn finds the step of a policy that a key means; a nil phase says that there is none.
func stepIn(p *state.Policy, key StepKey) (*state.Phase, StepKey, *api.Error) {
	if p == nil {
		return nil, key, nil
	}
	ph := p.Phase(key.Phase)
	if ph == nil {
		return nil, key, nil
	}
	if key.Action == "" {
		key.Action = lifecycle.After(ph, "")
	}
	if key.Action != lifecycle.Complete && lifecycle.Action(ph, key.Action) == nil {
		return nil, key, nil
	}
	first := stepOf(key.Action)
	if key.Name != "" && key.Name != first {
		return nil, key, api.NotModelled("the step [" + key.Name + "] of the action [" + key.Action + "]; the nearest that it has is [" + first + "]")
	}
	key.Name = first
	return ph, key, nil
}

// RemoveAgeing takes indices out of the hands of their policies (IndexLifecycleTransition.removePolicyForIndexes).
func RemoveAgeing(ctx context.Context, n *elastic.Node, names []string, masterTimeout, ackTimeout time.Duration) error {
	_, _, err := n.MasterTask(ctx, "remove-lifecycle-for-index", elastic.Normal, masterTimeout, ackTimeout, removeAgeing{names})
	return err
}

// removeAgeing takes indices out of the hands of their policies.
type removeAgeing struct {
	names []string
}

func (c removeAgeing) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	st, err := m.ChangeIndexSettings(st, c.names, map[string]*string{
		settings.IndexLifecycle.Key(): nil, settings.IndexRolloverAlias.Key(): nil, settings.IndexIndexingComplete.Key(): nil,
	})
	if err != nil {
		return nil, err
	}
	for _, name := range c.names {
		if meta := st.Index(name); meta.Lifecycle != nil {
			st = withLifecycle(st, meta, nil)
		}
	}
	return st, nil
}
