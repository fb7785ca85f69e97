package tuning

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
)

// Actor is the tuner's name in audit records.
const Actor = "recovery-tuner"

// The decisions about the pace.
const (
	SlowDown policy.Action = "slow-down"
	SpeedUp  policy.Action = "speed-up"
	PutBack  policy.Action = "put-back"
)

// Config configures a tuner. Zero values mean the defaults.
type Config struct {
	// Interval between two looks. Default 15 s.
	Interval time.Duration
	// CPUHigh and DiskHigh, in percent, are the loads of a node above which recoveries
	// slow down. Default 80 and 90. CPULow and DiskLow are those below which they may
	// speed up. Default 50 and 60.
	CPUHigh, DiskHigh, CPULow, DiskLow float64
	// Looks in a row that must agree. Default 2.
	Looks int
	// OffPeak are the daily windows in which recoveries may go faster than normal. None:
	// always.
	OffPeak []Window
}

func (c Config) withDefaults() (Config, error) {
	if c.Interval == 0 {
		c.Interval = 15 * time.Second
	}
	for _, d := range []struct {
		field   *float64
		initial float64
	}{{&c.CPUHigh, 80}, {&c.DiskHigh, 90}, {&c.CPULow, 50}, {&c.DiskLow, 60}} {
		if *d.field == 0 {
			*d.field = d.initial
		}
	}
	if c.Looks == 0 {
		c.Looks = 2
	}
	if c.Interval < 0 || c.Looks < 0 || c.CPULow >= c.CPUHigh || c.DiskLow >= c.DiskHigh {
		return c, fmt.Errorf("tuning: interval %v, %d looks, CPU %g to %g, disk %g to %g: want them positive, and the low mark below the high one",
			c.Interval, c.Looks, c.CPULow, c.CPUHigh, c.DiskLow, c.DiskHigh)
	}
	return c, nil
}

// Tuner is a part of a controller; see [controller.Config].
type Tuner struct {
	cfg  Config
	desk *controller.Desk

	// Of an episode: from the first recovery seen until none is left.
	active  bool
	base    base
	level   int
	idle    int // looks in a row without a recovery
	hot     int // looks in a row with an overloaded node
	cool    int // looks in a row with all nodes at ease
	yielded []string
	disks   map[string]diskMark
}

// diskMark is how long a node's disk had been busy at a moment.
type diskMark struct {
	at     time.Duration
	millis int64
}

var _ controller.Part = (*Tuner)(nil)

// New makes a tuner.
func New(cfg Config) (*Tuner, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Tuner{cfg: cfg}, nil
}

// Run implements [controller.Part]. When it ends the settings stay; the ledger, or a
// successor, puts them back. The controller's Config.PaceTuned must be set.
func (t *Tuner) Run(ctx context.Context, desk *controller.Desk) {
	t.desk, t.active, t.yielded, t.disks = desk, false, nil, map[string]diskMark{}
	// What an earlier term has left at another pace goes back first, so that the pace
	// found is not the tuner's own.
	if step, err := desk.Restore(ctx, bytesKey, copiesKey); err != nil && ctx.Err() == nil {
		desk.Warnf(ctx, "[TUNING] %v", err)
	} else if len(step.Changes) > 0 {
		d := desk.Begin(Actor)
		d.Decided, d.Reason = append(d.Decided, PutBack), "left by an earlier leader"
		_ = t.done(ctx, d, step, nil) // without an error there is none
	}
	for ctx.Err() == nil {
		if err := t.look(ctx); err != nil && ctx.Err() == nil {
			desk.Warnf(ctx, "[TUNING] %v", err)
		}
		if desk.Clock().Sleep(ctx, t.cfg.Interval) != nil {
			return
		}
	}
}

// look is one round.
func (t *Tuner) look(ctx context.Context) error {
	recoveries, err := t.desk.Client().GetRecoveryStatus(ctx)
	if err != nil {
		return fmt.Errorf("recoveries: %w", err)
	}
	if len(recoveries) == 0 {
		return t.rest(ctx)
	}
	t.idle = 0
	if !t.active {
		if err := t.begin(ctx); err != nil {
			return err
		}
	}
	busy, err := t.busiest(ctx, recoveries)
	if err != nil {
		return err
	}
	t.judge(busy)
	switch want, action := t.want(); {
	case want < t.level && t.level > normal && !t.offPeak():
		return t.set(ctx, want, action, "the off-peak window is over", busy, len(recoveries))
	case want < t.level:
		return t.set(ctx, want, action, fmt.Sprintf("%s is overloaded (%s)", busy.name, busy), busy, len(recoveries))
	case want > t.level:
		return t.set(ctx, want, action, fmt.Sprintf("all nodes that take part are at ease (at most %s), and %s are to be copied still", busy, left(recoveries)), busy, len(recoveries))
	}
	return nil
}

// begin starts an episode: the settings are as they should be when it is over.
func (t *Tuner) begin(ctx context.Context) error {
	now, err := t.desk.Client().GetClusterSettings(ctx)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	t.active, t.level, t.hot, t.cool = true, normal, 0, 0
	t.base = readBase(now)
	return nil
}

// rest puts the settings back when no recovery has been seen for a while.
func (t *Tuner) rest(ctx context.Context) error {
	t.idle++
	if !t.active || t.idle < t.cfg.Looks {
		return nil
	}
	t.active = false
	if t.level == normal {
		return nil
	}
	t.level = normal
	d := t.desk.Begin(Actor)
	d.Decided, d.Reason = append(d.Decided, PutBack), "no recovery is left"
	step, err := t.desk.Restore(ctx, bytesKey, copiesKey)
	return t.done(ctx, d, step, err)
}

// load is the greatest load among the nodes that take part in recoveries.
type load struct {
	name      string
	cpu, disk float64 // percent; -1 unknown
}

// String is for people.
func (l load) String() string {
	if l.disk < 0 {
		return fmt.Sprintf("CPU %.0f %%, disk not known", l.cpu)
	}
	return fmt.Sprintf("CPU %.0f %%, disk busy %.0f %%", l.cpu, l.disk)
}

// busiest looks at the nodes that take part. The name is that of the node with the
// highest CPU, or of one whose disk is over the mark.
func (t *Tuner) busiest(ctx context.Context, recoveries []controller.ShardRecovery) (load, error) {
	nodes, err := t.desk.Client().GetNodeStats(ctx)
	if err != nil {
		return load{}, fmt.Errorf("node stats: %w", err)
	}
	at := t.desk.Clock().Monotonic()
	top := load{cpu: -1, disk: -1}
	for _, n := range nodes {
		disk := t.diskBusy(n, at)
		if !slices.ContainsFunc(recoveries, func(r controller.ShardRecovery) bool { return r.Source == n.Name || r.Target == n.Name }) {
			continue
		}
		if n.CPUPercent > top.cpu {
			top.cpu = n.CPUPercent
			if top.disk <= t.cfg.DiskHigh {
				top.name = n.Name
			}
		}
		if disk > top.disk {
			top.disk = disk
			if disk > t.cfg.DiskHigh {
				top.name = n.Name
			}
		}
	}
	return top, nil
}

// diskBusy is the share of the time since the last look that a node's disk was busy, in
// percent; -1 unknown.
func (t *Tuner) diskBusy(n controller.NodeStats, at time.Duration) float64 {
	was, known := t.disks[n.ID]
	t.disks[n.ID] = diskMark{at, n.DiskIOMillis}
	passed := at - was.at
	if !known || passed <= 0 || n.DiskIOMillis == 0 || n.DiskIOMillis < was.millis {
		return -1
	}
	return min(100, 100*float64(n.DiskIOMillis-was.millis)/float64(passed.Milliseconds()))
}

// judge counts looks in a row.
func (t *Tuner) judge(l load) {
	switch {
	case l.cpu > t.cfg.CPUHigh || l.disk > t.cfg.DiskHigh:
		t.hot, t.cool = t.hot+1, 0
	case l.cpu >= 0 && l.cpu < t.cfg.CPULow && l.disk < t.cfg.DiskLow:
		t.hot, t.cool = 0, t.cool+1
	default:
		t.hot, t.cool = 0, 0
	}
}

// want is the level that is right now.
func (t *Tuner) want() (int, policy.Action) {
	top := len(levels()) - 1
	if !t.offPeak() {
		top = normal
	}
	switch {
	case t.level > top:
		return top, SlowDown
	case t.hot >= t.cfg.Looks && t.level > 0:
		return t.level - 1, SlowDown
	case t.cool >= t.cfg.Looks && t.level < top:
		return t.level + 1, SpeedUp
	}
	return t.level, ""
}

func (t *Tuner) offPeak() bool {
	now := t.desk.Clock().Now()
	return len(t.cfg.OffPeak) == 0 || slices.ContainsFunc(t.cfg.OffPeak, func(w Window) bool { return w.Holds(now) })
}

// set goes to a level.
func (t *Tuner) set(ctx context.Context, want int, action policy.Action, reason string, l load, active int) error {
	wanted := t.mine(t.base.at(want))
	if len(wanted) == 0 {
		return nil // both settings are somebody else's now
	}
	d := t.desk.Begin(Actor)
	d.Observed = controller.Numbers("level", float64(t.level), "cpu_percent", l.cpu, "disk_busy_percent", l.disk, "recoveries", float64(active))
	d.Decided, d.Reason = append(d.Decided, action), reason
	step, err := t.desk.Apply(ctx, string(action), wanted)
	if err == nil {
		t.level, t.hot, t.cool = want, 0, 0
	}
	return t.done(ctx, d, step, err)
}

// mine are the settings that nobody else has taken.
func (t *Tuner) mine(settings []controller.Setting) []controller.Setting {
	return slices.DeleteFunc(settings, func(s controller.Setting) bool { return s.Value == "" || slices.Contains(t.yielded, s.Key) })
}

// done records what came of a decision.
func (t *Tuner) done(ctx context.Context, d controller.Decision, step controller.Step, err error) error {
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		step.Error = err.Error()
	}
	for _, c := range step.Contested {
		t.yielded = append(t.yielded, c.Key)
		t.desk.Warnf(ctx, "[TUNING] %s is left at %q from now on: somebody else changed it from %q", c.Key, c.From, c.Ours)
	}
	for _, c := range step.Changes {
		t.desk.Infof(ctx, "[TUNING] %s: %q → %q (%s)", c.Key, c.From, c.To, d.Reason)
	}
	d.Done = append(d.Done, step)
	t.desk.Record(d)
	return err
}

// left is how many bytes are to be copied still, for people.
func left(recoveries []controller.ShardRecovery) string {
	var n int64
	for _, r := range recoveries {
		n += max(0, r.BytesTotal-r.BytesReused-r.BytesRecovered)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
