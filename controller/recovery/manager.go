package recovery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/planted"
)

// Actor is the manager's name in audit records.
const Actor = "recovery-manager"

// Manager deals with faults. It is a part of a controller; see [controller.Config].
type Manager struct {
	cfg Config

	// Of the process that runs; a manager runs once at a time.
	desk     *controller.Desk
	clock    clock.Clock
	client   *controller.Client
	progress map[progressKey]progressMark
	blocked  map[string]time.Duration // since when an index is blocked without need
	lifted   map[string]bool          // blocks lifted by the manager that haven't been seen gone since
	gaveUp   map[string]bool          // indices one of whose replicas was given up for room
	handsOff bool                     // a person keeps allocation switched off
	spare    string                   // the node with the fewest copies
	drains   map[string]drain         // nodes that are to be emptied
	round    int

	mu      sync.Mutex
	loaded  bool
	approve []Approval
	open    []*Fault // in the order of detection
	history History
	dirty   bool
	// findings are about the cluster as a whole.
	findings []Finding
}

var _ controller.Part = (*Manager)(nil)

// New makes a manager.
func New(cfg Config) (*Manager, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Manager{cfg: cfg, approve: slices.Clone(cfg.Approve)}, nil
}

// Run implements [controller.Part].
func (m *Manager) Run(ctx context.Context, desk *controller.Desk) {
	m.desk, m.clock, m.client = desk, desk.Clock(), desk.Client()
	m.progress, m.blocked, m.lifted = map[progressKey]progressMark{}, map[string]time.Duration{}, map[string]bool{}
	m.handsOff, m.gaveUp, m.drains = false, map[string]bool{}, map[string]drain{}
	m.load(ctx)
	for ctx.Err() == nil {
		m.look(ctx)
		m.save(ctx)
		if m.clock.Sleep(ctx, m.interval()) != nil {
			return
		}
	}
}

// SetInterval changes the time between two looks, from the next one on.
func (m *Manager) SetInterval(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("recovery: interval %v: must be positive", d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg.Interval = d
	return nil
}

func (m *Manager) interval() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.Interval
}

// load reads the history at the first run, and begins anew with open faults: what
// happened while somebody else was in charge isn't known.
func (m *Manager) load(ctx context.Context) {
	data, err := m.cfg.Store.Load()
	var h History
	if err == nil {
		h, err = parseHistory(data)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = nil
	if err != nil {
		m.desk.Errorf(ctx, "[RECOVERY] The fault history can't be read, a new one is begun%s: %v", m.setAside(), err)
	}
	if err == nil || !m.loaded {
		m.history = h
		m.history.Version, m.history.NextID = historyVersion, max(1, h.NextID)
	}
	m.loaded = true
}

// setAside keeps an unreadable history for a person, where the store can; it says where.
func (m *Manager) setAside() string {
	store, ok := m.cfg.Store.(Aside)
	if !ok {
		return ""
	}
	where, err := store.SetAside()
	if err != nil {
		return fmt.Sprintf(" (the old one could not be kept: %v)", err)
	}
	return " (the old one is kept as " + where + ")"
}

// save writes the history when it has changed.
func (m *Manager) save(ctx context.Context) {
	m.mu.Lock()
	if !m.dirty {
		m.mu.Unlock()
		return
	}
	data, err := json.Marshal(m.history)
	m.mu.Unlock()
	if err == nil {
		err = m.cfg.Store.Save(data)
	}
	if err != nil {
		m.desk.Errorf(ctx, "[RECOVERY] The fault history was not saved: %v", err)
		return
	}
	m.mu.Lock()
	m.dirty = false
	m.mu.Unlock()
}

// look is one round: see what is wrong, follow what is known, act.
func (m *Manager) look(ctx context.Context) {
	shards, err := m.desk.Allocation(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Errorf(ctx, "[RECOVERY] Error getting shard allocation: %v", err)
			if f, ok := masterLost(ctx, m.client); ok {
				others := slices.DeleteFunc(m.Findings(), func(was Finding) bool { return was.Cause == f.Cause })
				m.setFindings(ctx, append(others, f))
			}
		}
		m.round = 0 // the next look that succeeds is one around
		return
	}
	m.round++
	m.spare = spare(shards)
	m.resumeRestores(ctx, shards)
	m.follow(ctx, shards)
	found := map[key]Diagnosis{} // of this round
	m.lookForStuck(ctx, shards, found)
	m.lookForBlocks(ctx, shards, found)
	m.lookForUnprotected(ctx, shards, found)
	m.explain(ctx, found)
	m.lookForPeople(ctx, found)
	m.lookForDonors(shards, found)
	m.lookForSnapshots(ctx, found)
	if ctx.Err() == nil {
		m.act(ctx, found)
		m.lookAround(ctx, shards)
	}
}

// spare is the node with the fewest copies, the first by name of several; "" when no
// node holds any.
func spare(shards []controller.ShardInfo) string {
	counts := map[string]int{}
	for _, s := range shards {
		if s.Node != "" {
			counts[s.Node]++
		}
	}
	best := ""
	for _, node := range slices.Sorted(maps.Keys(counts)) {
		if best == "" || counts[node] < counts[best] {
			best = node
		}
	}
	return best
}

// health is how the copies of a key are.
type health struct {
	unassigned, initializing, active int
	node                             string // of an initializing copy
}

// follow updates the open faults by what is seen, opens new ones and ends those that
// are over.
func (m *Manager) follow(ctx context.Context, shards []controller.ShardInfo) {
	seen := map[key]health{}
	var order []key
	for _, s := range shards {
		k := key{s.Index, s.Shard, s.Primary}
		h, known := seen[k]
		if !known {
			order = append(order, k)
		}
		switch s.State {
		case controller.StateUnassigned:
			h.unassigned++
		case controller.StateInitializing:
			h.initializing++
			h.node = s.Node
		default:
			h.active++
		}
		seen[k] = h
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.open {
		if f.Shard >= 0 {
			m.followShard(ctx, f, seen[f.key])
		}
	}
	m.open = slices.DeleteFunc(m.open, func(f *Fault) bool { return f.State.over() })
	if !slices.ContainsFunc(m.open, func(f *Fault) bool { return f.Cause == Disabled }) {
		m.handsOff = false
	}
	var fresh []key
	for _, k := range order {
		if seen[k].unassigned > 0 && m.find(k) == nil {
			m.begin(k)
			fresh = append(fresh, k)
		}
	}
	m.announce(ctx, fresh, seen)
}

// announce says of which indices copies are found unassigned, in the words of the user's
// documents.
func (m *Manager) announce(ctx context.Context, fresh []key, seen map[key]health) {
	for len(fresh) > 0 { // sorted by index
		index, shards := fresh[0].Index, []int{}
		for len(fresh) > 0 && fresh[0].Index == index {
			for range seen[fresh[0]].unassigned {
				shards = append(shards, fresh[0].Shard)
			}
			fresh = fresh[1:]
		}
		m.desk.Infof(ctx, "[RECOVERY] Triggering recovery for index: %s", index)
		m.desk.Infof(ctx, "[RECOVERY] Found %d unassigned shards: %v", len(shards), shards)
	}
}

// followShard brings a shard's fault up to date. The lock is held.
func (m *Manager) followShard(ctx context.Context, f *Fault, h health) {
	switch {
	case h == health{} && m.pending(f.Index) >= 0:
		f.explain = false // deleted to be restored
	case h == health{}:
		m.end(ctx, f, Vanished)
	case h.unassigned > 0:
		f.explain = true
		if f.State == Recovering {
			f.State = Waiting // it had a node, and lost it again
		}
	case h.initializing > 0:
		f.explain = false
		if f.State != Recovering {
			f.State, f.Advice = Recovering, ""
			f.outcome("recovering")
		}
	default:
		m.end(ctx, f, Resolved)
	}
}

func (m *Manager) find(k key) *Fault {
	for _, f := range m.open {
		if f.key == k {
			return f
		}
	}
	return nil
}

// begin opens a fault. The lock is held.
func (m *Manager) begin(k key) *Fault {
	f := &Fault{
		ID: m.history.NextID, Index: k.Index, Shard: k.Shard, Primary: k.Primary, State: Waiting, Detected: m.clock.Now().UTC(),
		key: k, detected: m.clock.Monotonic(), explain: true,
	}
	m.history.NextID++
	m.open = append(m.open, f)
	return f
}

// end closes a fault. The lock is held.
func (m *Manager) end(ctx context.Context, f *Fault, how State) {
	f.State, f.Ended = how, m.clock.Now().UTC()
	f.TimeToRecovery = m.clock.Monotonic() - f.detected
	f.outcome("recovered")
	if f.Cause == "" {
		f.Cause = Unclear
	}
	m.history.add(*f, m.cfg.Keep)
	m.dirty = true
	if how == Resolved {
		m.desk.Infof(ctx, "[RECOVERY] %s recovered after %v (cause: %s, actions: %d)", f.key, f.TimeToRecovery.Round(time.Second), f.Cause, len(f.Attempts))
	}
}

// explain asks Elasticsearch about the faults whose cause may have changed, as many as
// a round may: new ones first, then those not asked about for longest.
func (m *Manager) explain(ctx context.Context, found map[key]Diagnosis) {
	m.mu.Lock()
	var ask []key
	for _, f := range m.open {
		if _, known := found[f.key]; f.explain && !known && f.Shard >= 0 {
			ask = append(ask, f.key)
		}
	}
	if over := len(ask) - m.cfg.MaxExplain; over > 0 {
		at := (m.round - 1) * m.cfg.MaxExplain % len(ask)
		ask = append(ask[at:], ask[:at]...)[:m.cfg.MaxExplain]
	}
	m.mu.Unlock()
	for _, k := range ask {
		x, err := m.client.ExplainAllocation(ctx, k.Index, k.Shard, k.Primary)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.desk.Warnf(ctx, "[RECOVERY] No explanation for %s: %v", k, err)
			return // the cluster has other worries; the next round asks again
		case x.State == "unassigned":
			found[k] = Diagnose(x)
		}
	}
}

// Faults are the open faults, in the order of detection.
func (m *Manager) Faults() []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []Fault{}
	for _, f := range m.open {
		c := *f
		c.Attempts, c.Causes = slices.Clone(f.Attempts), slices.Clone(f.Causes)
		out = append(out, c)
	}
	return out
}

// Past are the faults kept that are over, oldest first.
func (m *Manager) Past() []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.history.Faults)
}

// Stats are the times to recovery so far, those of earlier runs included.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.history.stats(len(m.open))
}

// Approve allows an action that needs a person's word, until the controller ends.
func (m *Manager) Approve(a Approval) error {
	if err := a.Check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.approve = append(m.approve, a)
	return nil
}

// Approvals are what a person has allowed.
func (m *Manager) Approvals() []Approval {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.approve)
}

// approved reports whether what is proposed for a fault of an index is allowed. The lock
// is held.
func (m *Manager) approved(p Proposal, index string) bool {
	if p.Everywhere {
		return m.approvedFor(p.Action, "")
	}
	return m.approvedFor(p.Action, cmp.Or(p.Index, index))
}

// approvedFor reports whether an action is allowed on an index, on all of them where it is
// "". The lock is held.
func (m *Manager) approvedFor(action Action, index string) bool {
	if planted.Is(planted.ActsUnasked) {
		return true
	}
	return slices.ContainsFunc(m.approve, func(a Approval) bool {
		what, where := a.parts()
		return what == action && cmp.Or(where, index) == index
	})
}
