package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/planted"
)

// Part is something that works beside the two loops while the controller is in charge,
// such as a recovery manager. The same part may be run again after it has ended.
type Part interface {
	// Run works until ctx ends.
	Run(ctx context.Context, desk *Desk)
}

// Leadership decides when a controller may act.
type Leadership interface {
	// Run calls lead each time this controller comes to be in charge, with a context that
	// ends when it no longer is. It returns when ctx ends or tenant asks to stop, and
	// then leaves the field to others at once.
	Run(ctx context.Context, tenant Tenant) error
}

// Tenant is a controller as its leadership sees it.
type Tenant interface {
	// Lead looks after the cluster until ctx ends, and returns when nothing of it acts
	// any more.
	Lead(ctx context.Context) error
	// Stopping is set when the controller is to end gracefully.
	Stopping() clock.Event
	// Memory is what a successor has to know, as JSON; Remember takes it over.
	Memory() json.RawMessage
	Remember(memory json.RawMessage) error
	// Desk is for calls, records and the log.
	Desk() *Desk
}

// Desk is what a part works with: the controller's clock, client, log, audit records
// and ledger of settings.
type Desk struct{ c *Controller }

// Desk is where records are kept of what did not come from the controller itself, such as a
// person's word.
func (c *Controller) Desk() *Desk { return &Desk{c} }

// Clock is the controller's clock.
func (d *Desk) Clock() clock.Clock { return d.c.cfg.Clock }

// Client is the controller's client.
func (d *Desk) Client() *Client { return d.c.cfg.Client }

// Operator is the actor of what a person decides.
const Operator = actorOperator

// Begin starts the audit record of a decision taken now; Record keeps it.
func (d *Desk) Begin(actor string) Decision { return d.c.journal.begin(actor, "") }

// Record keeps a decision, or replaces it when it was kept before.
func (d *Desk) Record(decision Decision) { d.c.journal.record(decision) }

// Apply brings cluster-wide settings to the values wanted, as far as nobody else has
// changed them since the controller did.
func (d *Desk) Apply(ctx context.Context, what string, want []Setting) (Step, error) {
	return d.c.ledger.apply(ctx, what, want, applyMode{})
}

// Restore puts the settings named back to what they were before the controller touched
// them, except those that somebody else has changed since.
func (d *Desk) Restore(ctx context.Context, keys ...string) (Step, error) {
	return d.c.ledger.restoreSome(ctx, func(key string) bool { return slices.Contains(keys, key) })
}

// Allocation lists every copy of every shard, as it was a moment ago at most: the
// controller's loops and parts share one look.
func (d *Desk) Allocation(ctx context.Context) ([]ShardInfo, error) {
	return d.c.shards.observer.allocation.get(ctx, d.c.shards.observer.maxAge)
}

// Work looks for people who work on the cluster.
func (d *Desk) Work(ctx context.Context) (Work, error) { return d.c.work.look(ctx) }

// Alarm reports whether it is time to say that nobody seems to be at work any more: once
// since the last sign of them.
func (d *Desk) Alarm() bool { return d.c.work.alarm() }

// Trigger says what is done where copies need a node and somebody has switched
// allocation off.
func (d *Desk) Trigger() Trigger { return d.c.cfg.Trigger }

// Infof writes into the controller's log.
func (d *Desk) Infof(ctx context.Context, format string, args ...any) {
	d.c.log.infof(ctx, format, args...)
}

// Warnf writes a warning.
func (d *Desk) Warnf(ctx context.Context, format string, args ...any) {
	d.c.log.warnf(ctx, format, args...)
}

// Errorf writes an error.
func (d *Desk) Errorf(ctx context.Context, format string, args ...any) {
	d.c.log.errorf(ctx, format, args...)
}

// Numbers makes the observed numbers of a record from names and values in turn.
func Numbers(pairs ...any) policy.Numbers {
	out := policy.Numbers{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, policy.Number{Name: pairs[i].(string), Value: pairs[i+1].(float64)})
	}
	return out
}

// tenant is a controller under a leadership.
type tenant struct{ c *Controller }

func (t tenant) Desk() *Desk           { return t.c.Desk() }
func (t tenant) Stopping() clock.Event { return t.c.stop }

func (t tenant) Lead(ctx context.Context) error {
	err := t.c.serve(ctx)
	// When ctx has ended its processes are on their way out; the next term must not
	// begin among them, nor may anything be said to have ended while they act.
	if werr := t.c.group.Wait(t.c.cfg.Clock.WithoutCancel(ctx)); err == nil {
		err = werr
	}
	return err
}

func (t tenant) Memory() json.RawMessage               { return t.c.ledger.memory() }
func (t tenant) Remember(memory json.RawMessage) error { return t.c.ledger.remember(memory) }

// rememberedSetting is a setting that a controller has touched, for its successor.
type rememberedSetting struct {
	Key      string        `json:"key"`
	Scope    SettingsScope `json:"scope,omitempty"` // default: the reader's
	Original *string       `json:"original"`
	Value    string        `json:"value"`
}

// memory is the ledger for a successor: what was changed, and from what.
func (l *ledger) memory() json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// note renews what a successor is told. The ledger's lock is held.
func (l *ledger) note() {
	out := []rememberedSetting{}
	for _, slot := range sortedSlots(l.entries) {
		e := l.entries[slot]
		out = append(out, rememberedSetting{Key: slot.key, Scope: slot.scope, Original: e.original, Value: e.value})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return // strings can always be written
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = text
}

// remember takes over what a predecessor has changed; what this controller changed in
// an earlier term is in there, or was put back.
func (l *ledger) remember(memory json.RawMessage) error {
	if planted.Is(planted.MemoryLost) {
		return nil
	}
	entries := make(map[settingSlot]*ledgerEntry)
	if len(memory) > 0 {
		var in []rememberedSetting
		if err := json.Unmarshal(memory, &in); err != nil {
			return fmt.Errorf("settings changed by the last leader: %w", err)
		}
		for _, s := range in {
			if s.Key == "" {
				return errors.New("settings changed by the last leader: a setting without a key")
			}
			scope := cmp.Or(s.Scope, l.scope)
			if scope != Persistent && scope != Transient {
				return fmt.Errorf("settings changed by the last leader: %s has the scope %q", s.Key, s.Scope)
			}
			entries[settingSlot{s.Key, scope}] = &ledgerEntry{original: s.Original, value: s.Value}
		}
	}
	l.entries = entries
	l.note()
	return nil
}
