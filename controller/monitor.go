package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// ReplicationMonitor judges the copies of every index at intervals: it keeps a
// status per index, writes a report, raises alerts and triggers recovery where
// copies are unassigned.
type ReplicationMonitor struct {
	clock      clock.Clock
	client     *Client
	allocation *allocationCache
	ledger     *ledger
	journal    *journal
	log        logger
	group      clock.Group // of the controller's processes
	recover    bool        // trigger recovery
	trigger    Trigger
	work       *workWatch
	maxAge     time.Duration

	load *loadMeter
	// busy is held by the process that checks: after Stop and Start the old one may
	// still be on its way out.
	busy  clock.Mutex
	watch recoveryWatch

	mu             sync.Mutex
	interval       time.Duration
	delayInterval  time.Duration // between two looks at sequence numbers; 0: never
	delayThreshold int64
	delayAt        time.Duration
	delayKnown     bool
	statuses       map[string]ReplicationStatus
	healths        map[string][]ReplicaHealth
	inSync         map[copyKey]time.Time // when a copy was last seen complete
	metrics        Metrics
	tally          tally // of the last check that succeeded
	recoveries     []RecoveryProgress
	checked        bool               // a check has succeeded, and none has failed since
	checkedAt      time.Duration      // when the last one succeeded
	stop           context.CancelFunc // nil while stopped
}

// Start starts the checks as a process that ends with ctx or by Stop.
func (m *ReplicationMonitor) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		return errors.New("replication monitor: started already")
	}
	ctx, m.stop = m.clock.WithCancel(ctx)
	m.group.Go(ctx, "replication-monitor", m.run)
	return nil
}

// Stop ends the checks. A check that is under way is broken off.
func (m *ReplicationMonitor) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
}

// run checks until ctx ends.
func (m *ReplicationMonitor) run(ctx context.Context) {
	if m.busy.Lock(ctx) != nil {
		return
	}
	defer m.busy.Unlock()
	every(ctx, m.clock, m.checkInterval, m.check)
}

func (m *ReplicationMonitor) checkInterval() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.interval
}

// SetCheckInterval changes the time between checks, from the next one on.
func (m *ReplicationMonitor) SetCheckInterval(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("check interval %v: must be positive", d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.interval = d
	return nil
}

// SetSyncDelayThreshold changes how many operations a replica may be behind its
// primary before an alert is raised.
func (m *ReplicationMonitor) SetSyncDelayThreshold(operations int64) error {
	if operations < 0 {
		return fmt.Errorf("sync delay threshold %d: must not be negative", operations)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delayThreshold = operations
	return nil
}

// GetReplicationStatus returns the status of an index at the last check. The error
// wraps [ErrNoSuchIndex] when the check did not see it.
func (m *ReplicationMonitor) GetReplicationStatus(index string) (ReplicationStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.statuses[index]
	if !ok {
		return ReplicationStatus{}, fmt.Errorf("%w: %q", ErrNoSuchIndex, index)
	}
	return s, nil
}

// GetAllReplicationStatuses returns the statuses of all indices at the last check.
func (m *ReplicationMonitor) GetAllReplicationStatuses() map[string]ReplicationStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.statuses)
}

// GetReplicaHealth returns the copies of an index as they were when sequence
// numbers were last looked at.
func (m *ReplicationMonitor) GetReplicaHealth(index string) ([]ReplicaHealth, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.healths[index]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoSuchIndex, index)
	}
	return slices.Clone(h), nil
}

// check is one round: judge, report, alert, recover.
func (m *ReplicationMonitor) check(ctx context.Context) {
	shards, err := m.allocation.get(ctx, m.maxAge)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		m.log.errorf(ctx, "[ReplicationMonitor] Error getting shard allocation: %v", err)
		m.setChecked(false)
		return
	}
	indices := byIndex(shards)
	at := m.clock.Now()
	statuses := make([]ReplicationStatus, len(indices))
	for i, copies := range indices {
		statuses[i] = copies.status(at)
	}
	m.remember(statuses, shards, at.UTC())
	m.report(ctx, statuses)
	m.alert(ctx, indices, statuses)
	m.watchRecoveries(ctx, statuses)
	m.checkDetails(ctx)
}

func (m *ReplicationMonitor) setChecked(ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checked = ok
}

// Checked reports whether the last check could see the cluster, and is not long ago: a
// check that hangs sees nothing.
func (m *ReplicationMonitor) Checked() bool {
	const missed = 3 // rounds
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.checked && m.clock.Monotonic()-m.checkedAt <= missed*m.interval
}

// GetMetrics returns the figures of the last look at details, and whether there
// was one. How many copies there are, in which state and on which node, is as of the last
// check, which may be later.
func (m *ReplicationMonitor) GetMetrics() (Metrics, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.metrics.At.IsZero() {
		return Metrics{}, false
	}
	return m.tally.refresh(m.metrics), true
}

// LastCheck is when a check last succeeded; the zero time: none has yet, and nothing is
// known of any index.
func (m *ReplicationMonitor) LastCheck() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tally.at
}

// GetRecoveries returns the recoveries that were going on at the last check.
func (m *ReplicationMonitor) GetRecoveries() []RecoveryProgress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.recoveries)
}

// watchRecoveries measures the pace of recoveries, when some index is not at rest,
// and names those that are slow.
func (m *ReplicationMonitor) watchRecoveries(ctx context.Context, statuses []ReplicationStatus) {
	var recoveries []ShardRecovery
	if slices.ContainsFunc(statuses, func(s ReplicationStatus) bool { return s.Status != StatusHealthy }) {
		var err error
		if recoveries, err = m.client.GetRecoveryStatus(ctx); err != nil {
			if ctx.Err() == nil {
				m.log.errorf(ctx, "[ReplicationMonitor] Error getting recovery status: %v", err)
			}
			return
		}
	}
	progress := m.watch.update(m.clock.Monotonic(), recoveries)
	m.mu.Lock()
	m.recoveries = progress
	m.mu.Unlock()
	for _, p := range progress {
		if p.Slow != "" {
			m.log.warnf(ctx, "[SLOW] %s[%d]: %.1f%% (stage: %s, %s -> %s): %s", p.Index, p.Shard, p.PercentDone, p.Stage, p.From(), p.Target, p.Slow)
		}
	}
}

// remember makes what was seen at a time the latest.
func (m *ReplicationMonitor) remember(statuses []ReplicationStatus, shards []ShardInfo, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statuses = make(map[string]ReplicationStatus, len(statuses))
	for _, s := range statuses {
		m.statuses[s.Index] = s
	}
	m.checked, m.checkedAt, m.tally = true, m.clock.Monotonic(), m.tally.renewed(shards, at)
}

const rule = "========================================"

// report writes the status report: a line per index and the sums.
func (m *ReplicationMonitor) report(ctx context.Context, statuses []ReplicationStatus) {
	m.log.infof(ctx, rule)
	m.log.infof(ctx, "[ReplicationMonitor] Replication Status Report")
	m.log.infof(ctx, rule)
	counts := map[string]int{}
	for _, s := range statuses {
		counts[s.Status]++
		m.log.infof(ctx, "[INDEX] %s: %.1f%% (%d/%d shards) - Status: %s", s.Index, s.ReplicationProgress, s.ReplicatedShards, s.TotalShards, s.Status)
	}
	m.log.infof(ctx, rule)
	m.log.infof(ctx, "[SUMMARY] Total: %d | Healthy: %d | Syncing: %d | Degraded: %d | Failed: %d", len(statuses),
		counts[StatusHealthy], counts[StatusSyncing], counts[StatusDegraded], counts[StatusFailed])
	m.log.infof(ctx, rule)
}

// alert raises alerts, and triggers recovery where copies are unassigned.
func (m *ReplicationMonitor) alert(ctx context.Context, indices []indexCopies, statuses []ReplicationStatus) {
	var lost []indexCopies
	for i, s := range statuses {
		switch s.Status {
		case StatusFailed:
			m.log.errorf(ctx, "[ALERT] Index %s replication FAILED: %.1f%% complete", s.Index, s.ReplicationProgress)
		case StatusDegraded:
			m.log.warnf(ctx, "[ALERT] Index %s replication DEGRADED: %.1f%% complete", s.Index, s.ReplicationProgress)
		}
		if len(indices[i].unassigned()) > 0 {
			lost = append(lost, indices[i])
		}
	}
	if len(lost) > 0 && m.recover {
		m.triggerRecovery(ctx, lost)
	}
}

// triggerRecovery sees to it that Elasticsearch may assign copies, for all indices at
// once. Where somebody has switched that off, it is not in their way: see [Trigger].
func (m *ReplicationMonitor) triggerRecovery(ctx context.Context, lost []indexCopies) {
	d := m.journal.begin(actorReplication, "")
	total := 0
	for _, copies := range lost {
		total += len(copies.unassigned())
	}
	d.Observed = policy.Numbers{{Name: "indices", Value: float64(len(lost))}, {Name: "unassigned", Value: float64(total)}}
	d.Reason = fmt.Sprintf("%d copies of %d indices are unassigned", total, len(lost))
	step, outcome := m.enableAllocation(ctx)
	if ctx.Err() != nil {
		return
	}
	if step.What != "" {
		d.Decided = append(d.Decided, actionEnable)
		d.Done = append(d.Done, step)
	} else {
		d.Reason += "; " + outcome
	}
	for _, copies := range lost {
		m.reportRecovery(ctx, copies, step, outcome)
	}
	m.journal.record(d)
}

// actionEnable is the monitor's own action: let Elasticsearch assign copies.
const actionEnable policy.Action = "enable-allocation"

// enableAllocation switches allocation on, where it is off and the time has come. Without
// a step nothing was to be done, and outcome says why.
func (m *ReplicationMonitor) enableAllocation(ctx context.Context) (step Step, outcome string) {
	w, err := m.work.look(ctx)
	switch {
	case err != nil:
		return Step{What: "enable allocation", Error: err.Error()}, ""
	case w.Allocation == "":
		return Step{}, "allocation is on"
	case w.Left > 0 || m.trigger == TriggerNever:
		return Step{}, "allocation is left as it is: " + m.waiting(w)
	}
	if m.work.alarm() {
		m.log.errorf(ctx, "[ALERT] %s", w.Forgotten())
	}
	if m.trigger != TriggerAct || len(w.Shutdown) > 0 {
		return Step{}, "allocation is left as it is: " + w.Forgotten()
	}
	if step, err = m.ledger.apply(ctx, "enable allocation", allocationSettings(), applyMode{}); err != nil {
		step.Error = err.Error()
	}
	return step, ""
}

// waiting says who is waited for, and for how long.
func (m *ReplicationMonitor) waiting(w Work) string {
	if m.trigger == TriggerNever {
		return w.String()
	}
	return fmt.Sprintf("%s; somebody may be at work, left alone until %s at least", w, w.Until.Format(time.TimeOnly))
}

func (m *ReplicationMonitor) reportRecovery(ctx context.Context, copies indexCopies, step Step, outcome string) {
	index, shards := copies[0].Index, copies.unassigned()
	m.log.infof(ctx, "[RECOVERY] Triggering recovery for index: %s", index)
	m.log.infof(ctx, "[RECOVERY] Found %d unassigned shards: %v", len(shards), shards)
	switch {
	case step.Error != "":
		m.log.errorf(ctx, "[RECOVERY] Error enabling allocation for index %s: %s", index, step.Error)
	case len(step.Contested) > 0:
		c := step.Contested[0]
		m.log.warnf(ctx, "[RECOVERY] Allocation left at %q for index %s: somebody else changed it from %q", c.From, index, c.Ours)
	case step.Calls > 0:
		m.log.infof(ctx, "[RECOVERY] Allocation enabled for index: %s", index)
	case outcome != "":
		m.log.infof(ctx, "[RECOVERY] Nothing switched on for index %s: %s", index, outcome)
	}
}

// checkDetails looks at documents, sizes, sequence numbers and loads when it is time
// to, and raises an alert for replicas too far behind.
func (m *ReplicationMonitor) checkDetails(ctx context.Context) {
	m.mu.Lock()
	threshold := m.delayThreshold
	due := m.delayInterval > 0 && (!m.delayKnown || m.clock.Monotonic()-m.delayAt >= m.delayInterval)
	m.mu.Unlock()
	if !due {
		return
	}
	l, err := m.load.get(ctx, m.delayInterval)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		m.log.errorf(ctx, "[ReplicationMonitor] Error getting sequence numbers: %v", err)
		return
	}
	if m.looked(l.at) {
		return // on a large cluster looks are further apart
	}
	healths := m.keepHealths(l.shards, l.at, l.wall)
	for _, h := range healths {
		if h.SyncDelay > threshold {
			m.log.warnf(ctx, "[ALERT] Replica of %s[%d] on %s is %d operations behind its primary", h.Index, h.Shard, h.Node, h.SyncDelay)
		}
	}
	m.keepMetrics(ctx, l, healths)
}

// looked reports whether a look at the details was judged already.
func (m *ReplicationMonitor) looked(at time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.delayKnown && m.delayAt == at
}

// keepMetrics stores the figures at all levels.
func (m *ReplicationMonitor) keepMetrics(ctx context.Context, l *load, healths []ReplicaHealth) {
	metrics := Metrics{At: l.wall, Shards: healths}
	metrics.Nodes, metrics.Indices = l.metrics()
	var err error
	if metrics.Cluster, err = m.client.GetClusterHealth(ctx); err != nil {
		if ctx.Err() == nil {
			m.log.warnf(ctx, "[ReplicationMonitor] Error getting cluster health: %v", err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.metrics = metrics
}

// keepHealths stores the health of every copy and returns them all.
func (m *ReplicationMonitor) keepHealths(shards []ShardInfo, at time.Duration, now time.Time) []ReplicaHealth {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delayAt, m.delayKnown = at, true
	m.healths = make(map[string][]ReplicaHealth)
	inSync := make(map[copyKey]time.Time, len(shards))
	var all []ReplicaHealth
	for _, copies := range byIndex(shards) {
		healths := copies.healths()
		for i := range healths {
			h := &healths[i]
			key := copyKey{h.Index, h.Shard, h.Node}
			if h.SyncDelay == 0 {
				inSync[key] = now
			} else if t, ok := m.inSync[key]; ok {
				inSync[key] = t
			}
			if t, ok := inSync[key]; ok && h.Node != "" {
				h.LastSyncTime = t.Format(time.RFC3339)
			}
		}
		m.healths[copies[0].Index] = healths
		all = append(all, healths...)
	}
	m.inSync = inSync
	return all
}
