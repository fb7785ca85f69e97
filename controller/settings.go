package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/planted"
)

// SettingsScope says how settings are made: persistent ones survive a restart of
// the whole cluster. Transient ones are deprecated in Elasticsearch 8, and win over
// persistent ones.
type SettingsScope string

// The scopes of cluster settings.
const (
	Persistent SettingsScope = "persistent"
	Transient  SettingsScope = "transient"
)

// Setting is a cluster-wide setting.
type Setting struct{ Key, Value string }

// SettingChange is a change of a setting, made or not.
type SettingChange struct {
	Key  string `json:"key"`
	From string `json:"from"` // value in force before; "" when there was none
	To   string `json:"to"`   // value wanted
	// Ours is the value that the controller had set before, where From is not it.
	Ours string `json:"ours,omitempty"`
}

// rebalanceSettings start rebalancing with limits on recovery. Source: the user's
// documents (50mb is theirs; Elasticsearch's default is 40mb).
func rebalanceSettings(paceTuned bool) []Setting {
	out := []Setting{{"cluster.routing.rebalance.enable", "all"}}
	if paceTuned {
		return out
	}
	return append(out,
		Setting{"cluster.routing.allocation.node_concurrent_recoveries", "2"},
		Setting{"indices.recovery.max_bytes_per_sec", "50mb"},
	)
}

// holdSettings keep Elasticsearch from rebalancing; copies are still assigned.
func holdSettings() []Setting {
	return []Setting{{"cluster.routing.rebalance.enable", "none"}}
}

// optimizeSettings are the weights of Elasticsearch's balancer. Source: the user's
// documents; equal to the defaults of Elasticsearch 8.
func optimizeSettings() []Setting {
	return []Setting{
		{"cluster.routing.allocation.balance.shard", "0.45"},
		{"cluster.routing.allocation.balance.index", "0.55"},
		{"cluster.routing.allocation.balance.threshold", "1.0"},
	}
}

// oneOf wants the keys of some settings.
func oneOf(settings []Setting) func(key string) bool {
	return func(key string) bool {
		return slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == key })
	}
}

// allocationSettings let Elasticsearch assign copies of every kind.
func allocationSettings() []Setting {
	return []Setting{{"cluster.routing.allocation.enable", "all"}}
}

// ledger changes cluster settings on behalf of the controller and remembers what
// it changed. It doesn't fight anybody: a setting whose value is no longer the one
// that the controller gave it was changed by somebody else, and is left alone from
// then on.
type ledger struct {
	client *Client
	scope  SettingsScope
	// lock is held over reading and writing, so that two processes of the controller
	// can't take each other's change for somebody else's.
	lock    clock.Mutex
	entries map[settingSlot]*ledgerEntry

	mu      sync.Mutex
	written json.RawMessage // the entries as a successor is told of them
}

// settingSlot is where a setting's value stands. It is transient, whatever the ledger's
// scope is, where somebody has set it so: a persistent value would change nothing.
type settingSlot struct {
	key   string
	scope SettingsScope
}

// sortedSlots are the keys of a map in order.
func sortedSlots[V any](m map[settingSlot]V) []settingSlot {
	//determinism:allow sort-ties no two slots of a map are equal
	return slices.SortedFunc(maps.Keys(m), func(a, b settingSlot) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.scope, b.scope))
	})
}

// slot is where a value must be written to be in force.
func (l *ledger) slot(now SettingsInForce, key string) settingSlot {
	if now.in(Transient, key) != nil {
		return settingSlot{key, Transient}
	}
	return settingSlot{key, l.scope}
}

// ledgerEntry is a setting that the controller has touched.
type ledgerEntry struct {
	original *string // value in this place before; nil: none
	value    string  // what we gave it
	// unsure is set while the outcome of the last write is not known; before is then
	// the value in force before it.
	unsure bool
	before string
}

func newLedger(client *Client, scope SettingsScope, clk clock.Clock) *ledger {
	return &ledger{client: client, scope: scope, lock: clk.NewMutex(), entries: make(map[settingSlot]*ledgerEntry)}
}

// applyMode says how to treat settings that need no change or belong to others.
type applyMode struct {
	insist   bool // send values that are in force already
	override bool // a person asked: take contested settings too
}

// given are the values that the controller has given to settings.
type given map[settingSlot]string

// touched reports whether the controller has changed a setting.
func (g given) touched(key string) bool {
	_, persistent := g[settingSlot{key, Persistent}]
	_, transient := g[settingSlot{key, Transient}]
	return persistent || transient
}

// has reports whether a value of a setting is the controller's own.
func (g given) has(key, value string) bool {
	for _, scope := range []SettingsScope{Persistent, Transient} {
		if v, ok := g[settingSlot{key, scope}]; ok && v == value {
			return true
		}
	}
	return false
}

// gave are the values that the controller has given to settings so far.
func (l *ledger) gave(ctx context.Context) (given, error) {
	if err := l.lock.Lock(ctx); err != nil {
		return nil, err
	}
	defer l.lock.Unlock()
	out := make(given, len(l.entries))
	for _, slot := range sortedSlots(l.entries) {
		out[slot] = l.entries[slot].value
	}
	return out, nil
}

// apply brings settings to the values wanted, as far as they are the controller's
// to change. The step says what was changed; on an error it holds what was wanted.
func (l *ledger) apply(ctx context.Context, what string, want []Setting, mode applyMode) (Step, error) {
	step := Step{What: what}
	if err := l.lock.Lock(ctx); err != nil {
		return step, fmt.Errorf("%s: %w", what, err)
	}
	defer l.lock.Unlock()
	now, err := l.client.GetClusterSettings(ctx)
	if err != nil {
		return step, fmt.Errorf("%s: read settings: %w", what, err)
	}
	var send []SettingChange
	for _, s := range want {
		change := SettingChange{Key: s.Key, From: now.Effective(s.Key), To: s.Value}
		switch ours, contested := l.contested(now, s.Key); {
		case change.From == s.Value && !mode.insist:
		case contested && change.From != s.Value && !mode.override:
			change.Ours = ours
			step.Contested = append(step.Contested, change)
		default:
			send = append(send, change)
		}
	}
	if len(send) == 0 {
		return step, nil
	}
	err = l.write(ctx, now, send)
	if err != nil {
		return step, fmt.Errorf("%s: %w", what, err)
	}
	step.Calls = 1
	for _, c := range send {
		if c.From != c.To {
			step.Changes = append(step.Changes, c)
		}
	}
	return step, nil
}

// contested reports whether somebody else has changed a setting that the controller
// had set, and to what the controller had set it.
func (l *ledger) contested(now SettingsInForce, key string) (ours string, contested bool) {
	effective := now.Effective(key)
	e := l.entries[l.slot(now, key)]
	if e == nil {
		// Set by us where it isn't in force, or no longer.
		e = cmp.Or(l.entries[settingSlot{key, Transient}], l.entries[settingSlot{key, Persistent}])
	}
	if e == nil {
		return "", false
	}
	if e.unsure && effective == e.before {
		return "", false // our last write never arrived
	}
	if effective == e.value {
		e.unsure = false
	}
	return e.value, effective != e.value
}

// write sends changes and notes them.
func (l *ledger) write(ctx context.Context, now SettingsInForce, changes []SettingChange) error {
	values := make(map[settingSlot]*string, len(changes))
	for _, c := range changes {
		slot := l.slot(now, c.Key)
		values[slot] = &c.To
		e, ok := l.entries[slot]
		if !ok {
			e = &ledgerEntry{original: now.in(slot.scope, c.Key)}
			l.entries[slot] = e
		}
		e.value, e.before, e.unsure = c.To, c.From, true
	}
	l.note()
	if err := l.send(ctx, now, values); err != nil {
		return err
	}
	for slot := range values {
		l.entries[slot].unsure = false
	}
	return nil
}

// mostLooks is how often a change whose outcome is not known is looked after.
const mostLooks = 3

// send sends changes. When it can't be told whether they were made (the connection broke,
// nobody answered, the master was lost over it) it looks: what is in force already is not
// sent again, and what somebody else has changed meanwhile is left alone.
func (l *ledger) send(ctx context.Context, before SettingsInForce, values map[settingSlot]*string) error {
	for look := 0; ; look++ {
		err := l.client.UpdateClusterSettings(ctx, inScopes(values))
		if !outcomeUnknown(err) || ctx.Err() != nil || look == mostLooks {
			return err
		}
		now, lookErr := l.client.GetClusterSettings(ctx)
		if lookErr != nil {
			return fmt.Errorf("%w; whether it was done could not be seen: %w", err, lookErr)
		}
		made, untouched := true, true
		for _, slot := range sortedSlots(values) {
			value, found := values[slot], now.in(slot.scope, slot.key)
			made = made && sameValue(found, value)
			untouched = untouched && sameValue(found, before.in(slot.scope, slot.key))
		}
		switch {
		case made:
			return nil
		case !untouched:
			return fmt.Errorf("%w; and somebody else has changed the settings meanwhile", err)
		}
	}
}

func sameValue(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

func inScopes(values map[settingSlot]*string) ClusterSettings {
	out := ClusterSettings{Persistent: map[string]*string{}, Transient: map[string]*string{}}
	for _, slot := range sortedSlots(values) {
		if slot.scope == Transient {
			out.Transient[slot.key] = values[slot]
		} else {
			out.Persistent[slot.key] = values[slot]
		}
	}
	return out
}

// in is the value of a setting in one scope, nil when it has none there.
func (s SettingsInForce) in(scope SettingsScope, key string) *string {
	from := s.Persistent
	if scope == Transient {
		from = s.Transient
	}
	if v, ok := from[key]; ok {
		return &v
	}
	return nil
}

// restore puts every setting back to what it was before the controller touched it,
// except those that somebody else has changed since.
func (l *ledger) restore(ctx context.Context) (Step, error) {
	return l.restoreSome(ctx, func(string) bool { return true })
}

// restoreSome is restore for those settings among them whose keys are wanted.
func (l *ledger) restoreSome(ctx context.Context, wanted func(key string) bool) (Step, error) {
	if err := l.lock.Lock(ctx); err != nil {
		return Step{What: "restore settings"}, fmt.Errorf("restore settings: %w", err)
	}
	defer l.lock.Unlock()
	return l.restoreSlots(ctx, slices.DeleteFunc(sortedSlots(l.entries), func(s settingSlot) bool { return !wanted(s.key) }))
}

// restoreSlots puts settings back that the controller has touched. The lock is held.
func (l *ledger) restoreSlots(ctx context.Context, slots []settingSlot) (Step, error) {
	step := Step{What: "restore settings"}
	if len(slots) == 0 {
		return step, nil
	}
	now, err := l.client.GetClusterSettings(ctx)
	if err != nil {
		return step, fmt.Errorf("restore settings: %w", err)
	}
	values := make(map[settingSlot]*string)
	for _, slot := range slots {
		e := l.entries[slot]
		change := SettingChange{Key: slot.key, From: now.Effective(slot.key), Ours: e.value}
		if e.original != nil {
			change.To = *e.original
		}
		switch found := now.in(slot.scope, slot.key); {
		case found == nil && e.original == nil, found != nil && e.original != nil && *found == *e.original:
		case found == nil || *found != e.value:
			step.Contested = append(step.Contested, change)
		default:
			values[slot] = e.original
			step.Changes = append(step.Changes, change)
		}
	}
	if len(values) > 0 && !planted.Is(planted.SettingNotPutBack) {
		if err := l.send(ctx, now, values); err != nil {
			return Step{What: step.What}, fmt.Errorf("restore settings: %w", err)
		}
		step.Calls = 1
	}
	for _, slot := range slots {
		delete(l.entries, slot)
	}
	l.note()
	return step, nil
}
