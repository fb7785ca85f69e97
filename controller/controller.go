package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// Config configures a controller. Zero values mean the defaults.
type Config struct {
	Clock  clock.Clock
	Client *Client
	// Policy decides about shards. Nil: the one called PolicyName, or "threshold".
	Policy     policy.Policy
	PolicyName string
	// Shadow names policies that are asked beside the one that decides, each with the
	// same observation. Their verdicts are recorded and nothing is done about them.
	Shadow []string
	// OffPeak reports whether a moment lies in an off-peak window, in which what can wait is
	// done. Nil: there are none, and nothing waits.
	OffPeak func(time.Time) bool
	// Distance is how far nodes are from each other, for policies that choose where a shard
	// moves. Without it all are equally far.
	Distance policy.Distance
	// Interval between two rounds, of both loops. Default 30 s.
	Interval time.Duration
	// ProgressInterval and ProgressLimit are how often and how long recoveries are
	// followed after an action. Default 5 s and 30 m.
	ProgressInterval, ProgressLimit time.Duration
	// VerifyAfter is how long after the last recovery it is judged whether new weights
	// helped; if not, they are put back. Default 2 m; negative: never.
	VerifyAfter time.Duration
	// SettingsScope is where settings are made. Default Persistent.
	SettingsScope SettingsScope
	// RestoreOnStop puts the settings that were changed back when Run ends by Stop.
	RestoreOnStop bool
	// WatchOnly leaves unassigned copies alone: the monitor reports them, and nothing else.
	WatchOnly bool
	// Trigger says what is done where copies need a node and somebody has switched
	// allocation off. Default [TriggerAlarm].
	Trigger Trigger
	// Patience is for how long there must be no sign of a person at work before that.
	// Default [DefaultPatience]; the longest delay for nodes that left counts where it is
	// longer.
	Patience time.Duration
	// SyncDelayThreshold is how many operations a replica may be behind. Default 1000.
	SyncDelayThreshold int64
	// SyncDelayInterval is the time between two looks at sequence numbers and loads of all
	// copies. Default 2 m, and 15 ms per copy on clusters with more than 8,000 of them;
	// negative: only at loads, and only when the policy needs them.
	SyncDelayInterval time.Duration
	// Log receives what the controller has to say. Default: nothing is said.
	Log slog.Handler
	// OnDecision is called for every audit record: once when the decision was carried
	// out, and again when its effect is known. It must not wait.
	OnDecision func(Decision)
	// KeepDecisions is how many audit records are kept. Default 1000.
	KeepDecisions int
	// detailsPerCopy is set where SyncDelayInterval is the default.
	detailsPerCopy time.Duration
	// Parts work beside the two loops, such as a recovery manager.
	Parts []Part
	// PaceTuned says that one of them sets the pace of recoveries, so that a rebalance
	// leaves it alone.
	PaceTuned bool
	// Leadership decides when this controller may act. Nil: always.
	Leadership Leadership
}

// defaultLoadInterval is the time between two looks at details and load.
const defaultLoadInterval = 2 * time.Minute

func (c Config) withDefaults() (Config, error) {
	if c.Clock == nil {
		return c, errors.New("controller: no clock")
	}
	if c.Client == nil {
		return c, errors.New("controller: no client")
	}
	for _, d := range []struct {
		name    string
		field   *time.Duration
		initial time.Duration
	}{
		{"interval", &c.Interval, 30 * time.Second},
		{"progress interval", &c.ProgressInterval, 5 * time.Second},
		{"progress limit", &c.ProgressLimit, 30 * time.Minute},
		{"patience", &c.Patience, DefaultPatience},
	} {
		if *d.field == 0 {
			*d.field = d.initial
		}
		if *d.field < 0 {
			return c, fmt.Errorf("controller: %s %v: must be positive", d.name, *d.field)
		}
	}
	if c.SyncDelayThreshold == 0 {
		c.SyncDelayThreshold = 1000
	}
	switch {
	case c.SyncDelayInterval == 0:
		c.SyncDelayInterval, c.detailsPerCopy = defaultLoadInterval, 15*time.Millisecond
	case c.SyncDelayInterval < 0:
		c.SyncDelayInterval = 0
	}
	if c.VerifyAfter == 0 {
		c.VerifyAfter = 2 * time.Minute
	}
	if c.KeepDecisions <= 0 {
		c.KeepDecisions = 1000
	}
	if c.Log == nil {
		c.Log = slog.DiscardHandler
	}
	if c.Trigger == "" {
		c.Trigger = TriggerAlarm
	}
	if !slices.Contains(Triggers(), c.Trigger) {
		return c, fmt.Errorf("controller: trigger %q: want one of %v", c.Trigger, Triggers())
	}
	switch c.SettingsScope {
	case "":
		c.SettingsScope = Persistent
	case Persistent, Transient:
	default:
		return c, fmt.Errorf("controller: settings scope %q: want %s or %s", c.SettingsScope, Persistent, Transient)
	}
	return c, nil
}

// Controller looks after one Elasticsearch cluster.
type Controller struct {
	cfg     Config
	log     logger
	ledger  *ledger
	journal *journal
	shards  *ShardController
	monitor *ReplicationMonitor
	work    *workWatch
	group   clock.Group // of all its processes
	stop    clock.Event
}

// New makes a controller. It calls nothing before Run.
func New(cfg Config) (*Controller, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Policy == nil {
		name := cfg.PolicyName
		if name == "" {
			name = "threshold"
		}
		if cfg.Policy, err = policy.New(name); err != nil {
			return nil, fmt.Errorf("controller: %w", err)
		}
	}
	var shadow []policy.Policy
	for _, name := range cfg.Shadow {
		p, err := policy.New(name)
		if err != nil {
			return nil, fmt.Errorf("controller: shadow: %w", err)
		}
		shadow = append(shadow, p)
	}
	clk := cfg.Clock
	log := logger{clk, cfg.Log}
	c := &Controller{
		cfg: cfg, log: log, group: clk.NewGroup(), stop: clk.NewEvent(),
		ledger:  newLedger(cfg.Client, cfg.SettingsScope, clk),
		journal: newJournal(clk, cfg.KeepDecisions, cfg.OnDecision),
	}
	allocation, meter := newAllocationCache(cfg.Client, clk), newLoadMeter(cfg.Client, clk)
	meter.perCopy = cfg.detailsPerCopy
	loadAge := cfg.SyncDelayInterval
	if loadAge == 0 {
		loadAge = defaultLoadInterval
	}
	// Both loops wake together; one look serves both, and none that is older.
	maxAge := min(cfg.Interval/4, time.Second)
	c.work = &workWatch{client: cfg.Client, clock: clk, ledger: c.ledger, patience: cfg.Patience}
	c.shards = &ShardController{
		work:  c.work,
		clock: clk, client: cfg.Client, policy: cfg.Policy, shadow: shadow, ledger: c.ledger, journal: c.journal, log: log,
		group: c.group, interval: cfg.Interval,
		observer: &observer{
			client: cfg.Client, clock: clk, allocation: allocation, maxAge: maxAge,
			load: meter, loadAge: loadAge, log: log, distance: cfg.Distance, offPeak: cfg.OffPeak,
		},
		progressInterval: cfg.ProgressInterval, progressLimit: cfg.ProgressLimit, verifyAfter: cfg.VerifyAfter,
		paceTuned: cfg.PaceTuned,
	}
	c.monitor = &ReplicationMonitor{
		clock: clk, client: cfg.Client, allocation: allocation, ledger: c.ledger, journal: c.journal, log: log,
		group: c.group, recover: !cfg.WatchOnly, trigger: cfg.Trigger, work: c.work, maxAge: maxAge, interval: cfg.Interval,
		load: meter, busy: clk.NewMutex(),
		delayInterval: cfg.SyncDelayInterval, delayThreshold: cfg.SyncDelayThreshold,
	}
	return c, nil
}

// Monitor is the controller's replication monitor.
func (c *Controller) Monitor() *ReplicationMonitor { return c.monitor }

// Decisions returns the audit records kept, oldest first.
func (c *Controller) Decisions() []Decision { return c.journal.list() }

// Run looks after the cluster until Stop is called, or ctx ends. After Stop it ends
// its loops, puts settings back where that was asked for, and returns nil or what
// went wrong with that. When ctx ends it returns ctx's error at once, like a process
// that is killed: nothing is put back, and the loops end by themselves.
//
// With a leadership it does so only while it is in charge, and stands by otherwise.
func (c *Controller) Run(ctx context.Context) error {
	if c.cfg.Leadership != nil {
		return c.cfg.Leadership.Run(ctx, tenant{c})
	}
	return c.serve(ctx)
}

// serve looks after the cluster until Stop is called or ctx ends.
func (c *Controller) serve(ctx context.Context) error {
	loops, cancel := c.cfg.Clock.WithCancel(ctx)
	defer cancel()
	c.group.Go(loops, "shard-controller", c.shards.run)
	if err := c.monitor.Start(loops); err != nil {
		return err
	}
	defer c.monitor.Stop()
	for _, part := range c.cfg.Parts {
		c.group.Go(loops, "part", func(ctx context.Context) { part.Run(ctx, &Desk{c}) })
	}
	c.log.infof(ctx, "Controller started: policy %s, interval %v", c.PolicyName(), c.cfg.Interval)
	if err := c.stop.Wait(ctx); err != nil {
		return err
	}
	cancel()
	if err := c.group.Wait(ctx); err != nil {
		return err
	}
	if !c.cfg.RestoreOnStop {
		return nil
	}
	return c.restore(ctx)
}

// SetPolicy puts another policy in force, from the next round on. It begins without a
// memory of what the last one saw.
func (c *Controller) SetPolicy(name string) error {
	p, err := policy.New(name)
	if err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	c.shards.mu.Lock()
	defer c.shards.mu.Unlock()
	c.shards.policy = p
	return nil
}

// SetInterval changes the time between rounds of both loops, from the next one on.
func (c *Controller) SetInterval(d time.Duration) error {
	if err := c.monitor.SetCheckInterval(d); err != nil {
		return err
	}
	c.shards.mu.Lock()
	defer c.shards.mu.Unlock()
	c.shards.interval = d
	return nil
}

// Stop asks Run to end. It may be called at any time, also by a signal handler, and
// more than once.
func (c *Controller) Stop() { c.stop.Set() }

// restore puts settings back and records it.
func (c *Controller) restore(ctx context.Context) error {
	d := c.journal.begin(actorShards, c.PolicyName())
	d.Reason = "the controller stops and puts back the settings it changed"
	step, err := c.ledger.restore(ctx)
	switch {
	case errors.Is(err, ErrNotInCharge):
		// Whoever is in charge by now knows from the lease what there is to put back.
		step.Error, err = err.Error(), nil
		c.log.infof(ctx, "Settings are left to the controller that is in charge")
	case err != nil:
		step.Error = err.Error()
		c.log.errorf(ctx, "Settings were not put back: %v", err)
	}
	for _, s := range step.Changes {
		c.log.infof(ctx, "Setting %s is put back from %q to %s", s.Key, s.From, valueOrDefault(s.To))
	}
	c.shards.reportContested(ctx, step)
	d.Done = append(d.Done, step)
	c.journal.record(d)
	return err
}

// valueOrDefault names the value that a setting is put back to.
func valueOrDefault(value string) string {
	if value == "" {
		return "its default"
	}
	return strconv.Quote(value)
}
