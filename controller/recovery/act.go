package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
)

// errContested says that a setting stands in the way which somebody else has made.
var errContested = errors.New("somebody else has switched allocation off again; that is left alone")

// order is an action decided on, for the faults that asked for it.
type order struct {
	action   Action
	node     string
	index    string // of [Proposal.Index]
	snapshot *controller.Snapshot
	filters  []FilterRef
	faults   []*Fault
}

// indexWide reports whether one call serves every fault of an index.
func (a Action) indexWide() bool { return a == ClearFilter || a == RestoreSnapshot }

// clusterWide reports whether one call serves every fault that asks for the action.
func (a Action) clusterWide() bool {
	return a == Nudge || a == EnableAllocation || a == RetryFailed || a == FreeDisk
}

// act takes this round's diagnoses in, decides and carries out.
func (m *Manager) act(ctx context.Context, found map[key]Diagnosis) {
	m.mu.Lock()
	var orders []order
	for _, f := range m.open {
		d, known := found[f.key]
		if !known {
			continue
		}
		if d.Empty == "" {
			d.Empty = m.spare
		}
		if f.diagnosed(d) {
			m.desk.Warnf(ctx, "[RECOVERY] %s: %s (%s)", f.key, d.Cause, d.Detail)
		}
		if p, due := m.decide(ctx, f, d); due {
			orders = addOrder(orders, p, f)
		}
	}
	m.mu.Unlock()
	for _, o := range orders {
		if ctx.Err() != nil {
			return
		}
		m.carryOut(ctx, o)
	}
}

// addOrder adds a fault's wish to those that one call can serve.
func addOrder(orders []order, p Proposal, f *Fault) []order {
	if p.Action.clusterWide() || p.Action.indexWide() {
		i := slices.IndexFunc(orders, func(o order) bool {
			return o.action == p.Action && (p.Action.clusterWide() || o.faults[0].Index == f.Index)
		})
		if i >= 0 {
			orders[i].faults = append(orders[i].faults, f)
			return orders
		}
	}
	return append(orders, order{p.Action, p.Node, p.Index, p.Snapshot, p.Filters, []*Fault{f}})
}

// decide asks the strategy of a fault's cause, and whether it is time. The lock is held.
func (m *Manager) decide(ctx context.Context, f *Fault, d Diagnosis) (Proposal, bool) {
	now := m.clock.Monotonic()
	if f.done != "" && now-f.doneAt >= m.cfg.Interval/2 {
		// Acted before, and still wrong: this is the verification.
		f.outcome("no effect")
		f.done = ""
	}
	p := strategyFor(d.Cause).propose(f, d, m.cfg)
	p = m.allowed(p, f.Index)
	switch {
	case p.Action == Wait:
		f.State, f.Advice = Waiting, p.Advice
		return p, false
	case p.Action == Ask:
		m.ask(ctx, f, GivenUp, p.Advice)
		return p, false
	case slices.Contains(approvable(), p.Action) && (!p.aimed() || !m.approved(p, f.Index)):
		m.ask(ctx, f, Approving, p.advice())
		return p, false
	case p.Action == EnableAllocation && m.handsOff:
		m.ask(ctx, f, GivenUp, errContested.Error())
		return p, false
	case f.Tries >= m.cfg.MaxTries:
		m.ask(ctx, f, GivenUp, fmt.Sprintf("%d tries of %s have not helped: %s", f.Tries, p.Action, d.Detail))
		return p, false
	case now-f.detected < p.After, now < f.next:
		f.State, f.Advice = Waiting, ""
		return p, false
	}
	f.Advice = ""
	return p, true
}

// allowed is the first of a proposal's ways that may be gone, or the proposal itself when
// none may: all of them are offered then. The lock is held.
func (m *Manager) allowed(p Proposal, index string) Proposal {
	for way := &p; way != nil; way = way.Otherwise {
		if !slices.Contains(approvable(), way.Action) || way.aimed() && m.approved(*way, index) {
			return *way
		}
	}
	return p
}

// ask leaves a fault to a person, and says so once. The lock is held.
func (m *Manager) ask(ctx context.Context, f *Fault, s State, advice string) {
	if f.State != s || f.Advice != advice {
		m.desk.Warnf(ctx, "[RECOVERY] %s needs a person (%s): %s", f.key, f.Cause, advice)
	}
	f.State, f.Advice, f.person = s, advice, true
}

// carryOut does an action, records it and sets when the next try is due.
func (m *Manager) carryOut(ctx context.Context, o order) {
	d := m.desk.Begin(Actor)
	d.Decided = append(d.Decided, policy.Action(o.action))
	d.Observed = controller.Numbers("faults", float64(len(o.faults)), "tries", float64(o.faults[0].Tries))
	d.Reason = reason(o)
	step, err := m.do(ctx, o)
	if ctx.Err() != nil && step.Calls == 0 {
		return
	}
	if err != nil {
		step.Error = err.Error()
		m.desk.Warnf(ctx, "[RECOVERY] %s was not done: %v", o.action, err)
	} else {
		m.desk.Infof(ctx, "[RECOVERY] %s: %s", o.action, d.Reason)
		m.announceEnabled(ctx, o)
	}
	d.Done = append(d.Done, step)
	m.desk.Record(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range o.faults {
		f.try(m.clock.Now().UTC(), m.clock.Monotonic(), o.action)
		f.State = Verifying
		f.next = m.clock.Monotonic() + m.backOff(f.Tries)
		if err != nil {
			f.outcome("error: " + err.Error())
			f.done = ""
		}
		if errors.Is(err, errContested) {
			m.handsOff = true
			m.ask(ctx, f, GivenUp, err.Error())
		}
	}
	m.dirty = true
}

// announceEnabled says of every index whose copies may be assigned again, in the words of
// the user's documents.
func (m *Manager) announceEnabled(ctx context.Context, o order) {
	if o.action != EnableAllocation {
		return
	}
	last := ""
	for _, f := range o.faults {
		if f.Index != last {
			m.desk.Infof(ctx, "[RECOVERY] Allocation enabled for index: %s", f.Index)
		}
		last = f.Index
	}
}

// reason says for which faults and why.
func reason(o order) string {
	var names []string
	const shown = 5
	for _, f := range o.faults[:min(shown, len(o.faults))] {
		names = append(names, f.key.String())
	}
	text := strings.Join(names, ", ")
	if more := len(o.faults) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s: %s (%s)", text, o.faults[0].Cause, o.faults[0].Detail)
}

// backOff is the wait after the n-th try.
func (m *Manager) backOff(n int) time.Duration {
	d := m.cfg.BackoffMax
	if n <= 30 {
		d = min(d, m.cfg.BackoffBase<<(n-1))
	}
	half := d / 2
	return half + time.Duration(m.clock.Rand("controller/recovery/backoff").Int64N(int64(d-half)+1))
}

// do carries out one action.
func (m *Manager) do(ctx context.Context, o order) (controller.Step, error) {
	f := o.faults[0]
	step := controller.Step{What: string(o.action)}
	var err error
	switch o.action {
	case Nudge:
		_, err = m.client.Reroute(ctx, nil, controller.RerouteOptions{})
	case RetryFailed:
		_, err = m.client.Reroute(ctx, nil, controller.RerouteOptions{RetryFailed: true})
	case EnableAllocation:
		return m.enableAllocation(ctx)
	case LiftBlock:
		return m.liftBlock(ctx, f.Index)
	case ClearFilter:
		return m.clearFilters(ctx, f, o.filters)
	case RaiseReplicas:
		return m.setReplicas(ctx, o.action, f.Index, 1)
	case FreeDisk:
		return m.setReplicas(ctx, o.action, o.index, -1)
	case RestoreSnapshot:
		return m.restoreIndex(ctx, f.Index, o.snapshot)
	case CancelRecovery:
		err = m.command(ctx, controller.RerouteCommand{Cancel: &controller.CancelCommand{Index: f.Index, Shard: f.Shard, Node: o.node}})
	case StalePrimary:
		err = m.command(ctx, controller.RerouteCommand{AllocateStale: &controller.AllocateCommand{Index: f.Index, Shard: f.Shard, Node: o.node, AcceptDataLoss: true}})
	case EmptyPrimary:
		err = m.command(ctx, controller.RerouteCommand{AllocateEmpty: &controller.AllocateCommand{Index: f.Index, Shard: f.Shard, Node: o.node, AcceptDataLoss: true}})
	default:
		return step, fmt.Errorf("unknown action %q", o.action)
	}
	if err == nil {
		step.Calls = 1
	}
	return step, err
}

// command sends one reroute command, and turns a refusal into an error.
func (m *Manager) command(ctx context.Context, c controller.RerouteCommand) error {
	answer, err := m.client.Reroute(ctx, []controller.RerouteCommand{c}, controller.RerouteOptions{})
	if err != nil {
		return err
	}
	for _, e := range answer.Explanations {
		if why := e.Refusal(); why != "" {
			return fmt.Errorf("refused: %s", why)
		}
	}
	return nil
}

// enableAllocation lets Elasticsearch assign copies of every kind again.
func (m *Manager) enableAllocation(ctx context.Context) (controller.Step, error) {
	step, err := m.desk.Apply(ctx, string(EnableAllocation), []controller.Setting{{Key: "cluster.routing.allocation.enable", Value: "all"}})
	if err == nil && len(step.Contested) > 0 {
		return step, fmt.Errorf("cluster.routing.allocation.enable is %q: %w", step.Contested[0].From, errContested)
	}
	return step, err
}
