package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Config configures a Core. Zero fields stand for the defaults.
type Config struct {
	// Interval is how often a primary says that it is there, and after which whatever
	// was lost is sent again; 500 ms.
	Interval time.Duration
	// RequestTimeout is after which a request that could not be completed is answered;
	// 5 s.
	RequestTimeout time.Duration
	// InSyncTimeout is how long a copy that isn't heard of counts as taking part; 2 s.
	InSyncTimeout time.Duration
	// KeepLog is how many applied entries the log keeps for copies that lag; 1,024.
	KeepLog int
	// PageBytes bounds a message of entries or state; 1 MiB. A single entry may be
	// larger.
	PageBytes int
	// MaxClients is how many clients' outcomes are remembered; 65,536.
	MaxClients int
	Mutation
}

func (c Config) withDefaults() Config {
	if c.Interval == 0 {
		c.Interval = 500 * time.Millisecond
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 5 * time.Second
	}
	if c.InSyncTimeout == 0 {
		c.InSyncTimeout = 2 * time.Second
	}
	if c.KeepLog == 0 {
		c.KeepLog = 1024
	}
	if c.PageBytes == 0 {
		c.PageBytes = 1 << 20
	}
	if c.MaxClients == 0 {
		c.MaxClients = 1 << 16
	}
	return c
}

// Input is what Step takes: one of the types below.
type Input interface{ input() }

// Message is a message of another copy.
type Message struct{ M wire.Message }

// Configure is the shard's entry in the map, as the metadata group has it.
type Configure struct{ Shard shardmap.Shard }

// Request is what a client asks. ID is the driver's name for it, given back with the
// answer.
type Request struct {
	ID uint64
	R  *wire.Request
}

// Synced tells that everything up to the Sync of this number is durable.
type Synced struct{ Number uint64 }

// Tick tells that the time asked for by Wake has come.
type Tick struct{}

// Reload tells that the copy has been born: another core has put its content into the
// engine. It follows the event Born of that core, before any other input.
type Reload struct{}

func (Message) input()   {}
func (Configure) input() {}
func (Request) input()   {}
func (Synced) input()    {}
func (Tick) input()      {}
func (Reload) input()    {}

// Effects are what Step wants done.
type Effects struct {
	Messages []wire.Message // to the To of their headers
	Answers  []Answer
	Events   []Event
	// Sync, if not 0, asks for a sync of the engine; Synced must follow.
	Sync uint64
	// Wake is when Step wants a Tick at the latest; 0 for none. It replaces the earlier
	// one.
	Wake time.Duration
}

// Answer answers the request of that ID.
type Answer struct {
	ID uint64
	R  *wire.Response
}

// EventKind is a kind of Event.
type EventKind uint8

const (
	// Activated means that the copy acts as primary of Epoch from now on.
	Activated EventKind = iota
	// SteppedDown means that it no longer does, or no longer tries to.
	SteppedDown
	// NeedEpoch means that the copy is named primary of an epoch that it can't begin.
	NeedEpoch
	// Failed means that the disk failed. The copy does nothing any more.
	Failed
	// Born means that this node's copy of Shard, split off from this core's, is on the
	// engine. The driver gives its core Reload next.
	Born
	// Damaged means that data was found corrupt. It is thrown away; the copy takes part
	// again when it has got everything from the primary. If it was the primary, or is
	// named so, another one is needed.
	Damaged
	// Repaired means that a damaged copy is whole again.
	Repaired
	// AtOdds means that another copy claims what contradicts what this one knows to be
	// committed, or has: one of the two has lost something, or made it up. Nothing is done that
	// rests on the claim.
	AtOdds
)

func (k EventKind) String() string {
	return [...]string{"activated", "stepped-down", "need-epoch", "failed", "born", "damaged", "repaired", "at-odds"}[k]
}

// Event is something that the node has to know.
type Event struct {
	Kind  EventKind
	Shard shardmap.ID
	Epoch uint64
	Err   error // of Failed, Damaged and AtOdds
}

// Role is what a copy does.
type Role uint8

// The roles, in the order in which a primary passes through them.
const (
	Backup Role = iota
	Fencing
	Adopting
	Activating
	// HandingOver is what the primary of a shard does that is being merged into another.
	HandingOver
	Primary
)

func (r Role) String() string {
	return [...]string{"backup", "fencing", "adopting", "activating", "handing-over", "primary"}[r]
}

// Core is one copy of a shard. It is not safe for use by several processes at once.
type Core struct {
	cfg   Config
	self  shardmap.NodeID
	eng   storage.Engine
	keys  layout
	shard shardmap.Shard // as configured; Epoch 0 before

	now    time.Duration
	out    Effects
	wakeAt time.Duration
	failed error
	// suspect is what reads of this step met; it is seen to at its end.
	suspect error

	durable       // what is loaded at the start
	state         // in memory
	odds     bool // what the promised epoch's primary says contradicts what is here
	stuck    bool // the disk has no room for what the next committed entry does
	role     Role
	verified uint64 // index up to which the log equals that of the promised epoch's primary
	// ruler is the promised epoch's primary, if it was heard of since the start.
	ruler shardmap.NodeID

	syncs storage.Syncs

	fenced    map[shardmap.NodeID]*wire.FenceAck
	donor     wire.FenceAck
	donorAt   time.Duration
	adopted   uint64
	members   []*member
	round     uint64
	waits     []wait
	fetch     fetch
	snapshots map[shardmap.NodeID]*outgoing

	born     map[shardmap.ID]uint64 // since when there are the parts that this node has a copy of
	reshaped uint64                 // index of the last entry of this epoch that changes the range
	give     give
	takeFrom shardmap.NodeID // the primary whose part of a shard is in the log at reshaped
}

// New loads the copy of a shard from an engine; a shard that the engine doesn't know
// is empty.
func New(cfg Config, shard shardmap.ID, self shardmap.NodeID, eng storage.Engine) (*Core, error) {
	if shard == "" || len(shard) > wire.MaxName || self == "" || len(self) > wire.MaxName {
		return nil, fmt.Errorf("replica: bad name of shard %q or node %q", shard, self)
	}
	c := &Core{cfg: cfg.withDefaults(), self: self, eng: eng, keys: newLayout(shard),
		shard: shardmap.Shard{ID: shard}, snapshots: make(map[shardmap.NodeID]*outgoing),
		born: make(map[shardmap.ID]uint64)}
	err := c.load()
	if errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, errNoPromise) {
		b := c.wipe()
		if err = c.eng.Apply(&b); err == nil {
			err = c.eng.Sync()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("replica: shard %q: %w", shard, err)
	}
	return c, nil
}

// Role is what the copy does now.
func (c *Core) Role() Role { return c.role }

// Promised is the lowest epoch that the copy obeys.
func (c *Core) Promised() uint64 { return c.promised }

// Heard is the newest version of the map that the copy has heard of, from whoever obeys or
// commands it. Only who knows that one, or a later one, can tell that the copy is over: it
// may have acknowledged something as one that an older map doesn't know.
func (c *Core) Heard() uint64 { return max(c.promised, c.shard.Epoch) }

// Commit is the index up to which entries are known to be committed; Applied that up
// to which the state contains them.
func (c *Core) Commit() uint64 { return c.commit }

// Applied is described at Commit.
func (c *Core) Applied() uint64 { return c.applied }

// LastIndex is the end of the log.
func (c *Core) LastIndex() uint64 { return c.log.last() }

// Step takes one input. Now must not go back.
func (c *Core) Step(now time.Duration, in Input) Effects {
	c.now, c.out = now, Effects{}
	if c.failed != nil {
		return Effects{}
	}
	switch in := in.(type) {
	case Message:
		c.message(in.M)
	case Configure:
		c.configure(in.Shard)
	case Request:
		c.request(in.ID, in.R)
	case Synced:
		c.syncs.Done(in.Number)
	case Tick:
		c.tick()
	case Reload:
		c.reload()
	}
	c.progress()
	if c.suspect != nil {
		c.broken(c.suspect)
		c.suspect = nil
	}
	if c.failed != nil {
		// Nothing of this step may be said: it may rest on what isn't on disk.
		return Effects{Events: []Event{{Kind: Failed, Shard: c.shard.ID, Epoch: c.promised, Err: c.failed}}}
	}
	c.out.Wake = c.wake()
	return c.out
}

func (c *Core) wake() time.Duration {
	if c.role == Backup && !c.fetch.active && c.applied == c.commit && !c.unborn() {
		c.wakeAt = 0
	} else if c.wakeAt <= c.now {
		c.wakeAt = c.now + c.cfg.Interval
	}
	return c.wakeAt
}

func (c *Core) message(m wire.Message) {
	if h, ok := m.(interface{ Header() *wire.Copy }); !ok || !c.ofLife(h.Header().Life) {
		return
	}
	switch m := m.(type) {
	case *wire.Fence:
		c.onFence(m)
	case *wire.FenceAck:
		c.onFenceAck(m)
	case *wire.AppendEntries:
		c.onAppend(m)
	case *wire.Ack:
		c.onAck(m)
	case *wire.Fetch:
		c.onFetch(m)
	case *wire.Page:
		c.onPage(m)
	case *wire.SnapshotPage:
		c.onSnapshotPage(m)
	case *wire.Handover:
		c.onHandover(m)
	case *wire.Taken:
		c.onTaken(m)
	}
}

func (c *Core) tick() {
	if c.now < c.wakeAt {
		return
	}
	c.expire()
	switch c.role {
	case Fencing:
		if c.fenced[c.self] == nil {
			c.startFencing()
		} else {
			c.sendFences()
		}
	case Adopting:
		if c.now-c.donorAt >= 4*c.cfg.Interval {
			c.startFencing() // the donor is gone: look for another
		} else {
			c.sendFetch()
		}
	case Activating, Primary:
		c.resend()
	case HandingOver:
		c.resend()
		c.sendHandover()
	case Backup:
		if c.fetch.active {
			c.sendFetch()
		}
	}
	c.dropSnapshots()
}

// configure takes the shard's configuration. One of an older epoch is ignored.
func (c *Core) configure(s shardmap.Shard) {
	if s.ID != c.shard.ID || s.Epoch < c.shard.Epoch || !c.ofLife(s.Since) {
		return
	}
	same := s.Epoch == c.shard.Epoch
	c.shard = s.Clone()
	switch {
	case s.Primary != c.self:
		c.stepDown()
	case same && c.role != Backup:
		// What is under way can only have been completed.
	case c.damaged:
		c.stepDown()
		c.event(Damaged, s.Epoch)
	case s.Epoch <= c.promised:
		c.stepDown()
		c.event(NeedEpoch, s.Epoch)
	default:
		c.stepDown()
		c.promise(s.Epoch)
		c.startFencing()
	}
}

// promise raises the epoch that the copy obeys. Nothing may depend on it before it is
// durable.
func (c *Core) promise(epoch uint64) {
	c.promised, c.ruler, c.odds = epoch, "", false
	c.verified = c.commit
	c.fetch = fetch{}
	var b storage.Batch
	c.saveMeta(&b)
	c.apply(&b)
}

// apply gives a batch to the engine and wants it durable.
func (c *Core) apply(b *storage.Batch) {
	b.Vital = true
	if err := c.eng.Apply(b); err != nil {
		c.fail(err)
		return
	}
	c.wantSync()
}

func (c *Core) fail(err error) {
	if c.failed == nil {
		c.failed = fmt.Errorf("replica: shard %q: %w", c.shard.ID, err)
	}
}

// tryApply is apply for batches that can be given up when the disk is full.
func (c *Core) tryApply(b *storage.Batch) bool {
	err := c.eng.Apply(b)
	if errors.Is(err, storage.ErrFull) {
		return false
	}
	if err != nil {
		c.fail(err)
		return false
	}
	c.wantSync()
	return true
}

func (c *Core) wantSync() {
	if c.out.Sync == 0 {
		c.out.Sync = c.syncs.Ask()
	}
}

func (c *Core) send(m wire.Message) { c.out.Messages = append(c.out.Messages, m) }
func (c *Core) event(k EventKind, epoch uint64) {
	c.out.Events = append(c.out.Events, Event{Kind: k, Shard: c.shard.ID, Epoch: epoch})
}

// contradicted notes that another copy's claim can't be true if what is here is.
func (c *Core) contradicted(format string, args ...any) {
	if c.odds {
		return
	}
	c.odds = true
	c.out.Events = append(c.out.Events, Event{Kind: AtOdds, Shard: c.shard.ID, Epoch: c.promised, Err: fmt.Errorf(format, args...)})
}

// to is the header of a message of the epoch promised.
func (c *Core) to(node shardmap.NodeID) wire.Copy {
	return wire.Copy{Shard: c.shard.ID, From: c.self, To: node, Epoch: c.promised, Life: c.life}
}

func (c *Core) stepDown() {
	if c.role == Backup {
		return
	}
	c.role, c.members, c.fenced = Backup, nil, nil
	c.fetch, c.give = fetch{}, give{}
	c.event(SteppedDown, c.promised)
	c.abandon()
}
