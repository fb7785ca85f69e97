package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// MaxUnsettled is how many requests a client may have that it could still retry.
const MaxUnsettled = 1024

// wait is a request that is not answered yet.
type wait struct {
	id       uint64
	r        *wire.Request
	index    uint64 // of its entry; for a read, what must be applied
	round    uint64 // for a read, the round that must be confirmed
	deadline time.Duration
	result   *wire.Response // of a write, when it is applied
	late     bool           // what comes of a write is known only then, at every level
}

// writes reports whether a request needs an entry of the log.
func writes(r *wire.Request) bool {
	return r.Kind == wire.Write || r.Kind == wire.Transact && r.Txn.Step != wire.Inquire
}

// request takes a request of a client.
func (c *Core) request(id uint64, r *wire.Request) {
	if why := invalid(r); why != "" {
		c.refuse(id, r, wire.Invalid, why)
		return
	}
	if c.shard.Epoch == 0 || r.Epoch > c.shard.Epoch {
		c.refuse(id, r, wire.NotPrimary, "my map is older than yours")
		return
	}
	if !c.covers(r) {
		c.refuse(id, r, wire.WrongShard, "a key is outside the shard's range")
		return
	}
	switch {
	case c.span.heir != "":
		c.refuse(id, r, wire.WrongShard, "the shard is being merged into its neighbour")
	case !writes(r) && r.Level == wire.One && c.damaged:
		c.refuse(id, r, wire.Unavailable, "the copy is being repaired")
	case !writes(r) && r.Level == wire.One:
		c.read(id, r)
	case c.role != Primary:
		c.refuse(id, r, wire.NotPrimary, "")
	case writes(r):
		c.write(id, r)
	default:
		c.confirm(id, r)
	}
}

// invalid says what is wrong with a request, or "".
func invalid(r *wire.Request) string {
	switch {
	case !writes(r) && len(r.Ops) > 0 || r.Kind != wire.Read && len(r.Keys) > 0:
		return "keys and operations don't go together"
	case (r.Kind == wire.Transact) != (r.Txn.Step != wire.NoStep):
		return "a transaction has steps, and nothing else has"
	case r.Kind == wire.Transact && r.Level == wire.One:
		return "a transaction needs level quorum or all"
	case r.Kind == wire.Transact && (r.Txn.Step == wire.Prepare) != (len(r.Ops) > 0):
		return "operations are for preparing"
	case r.Kind == wire.Scan && r.End != "" && r.Start > r.End:
		return "the range is backwards"
	case !writes(r):
		return ""
	case r.Kind == wire.Write && len(r.Ops) == 0:
		return "no operations"
	case r.Client == 0 || r.Seq == 0 || r.Settled > r.Seq:
		return "a write needs a client, a sequence number and nothing settled beyond it"
	}
	if why := wire.Oversized(r.Ops, r.Txn.Keys); why != "" {
		return why
	}
	for i := range r.Ops {
		if r.Level == wire.One && r.Ops[i].If != wire.Always {
			return "a condition needs level quorum or all"
		}
	}
	return ""
}

// covers reports whether the shard has all that a request asks for. A scan may ask for
// more; it gets the part that is here.
func (c *Core) covers(r *wire.Request) bool {
	in := func(key string) bool { return c.shard.Covers(key) && c.span.covers(key) }
	for _, k := range r.Keys {
		if !in(k) {
			return false
		}
	}
	for i := range r.Ops {
		if !in(r.Ops[i].Key) {
			return false
		}
	}
	switch r.Txn.Step {
	case wire.Decide, wire.Forget, wire.Inquire: // Keys may be anywhere
		return in(r.Txn.Anchor)
	case wire.Resolve:
		for _, k := range r.Txn.Keys {
			if !in(k) {
				return false
			}
		}
	}
	return r.Kind != wire.Scan || in(r.Start)
}

func (c *Core) respond(id uint64, r *wire.Request, a *wire.Response) {
	a.Client, a.Seq = r.Client, r.Seq
	a.Epoch, a.Primary = c.shard.Epoch, c.shard.Primary
	a.Weak = r.Level == wire.One
	c.out.Answers = append(c.out.Answers, Answer{ID: id, R: a})
}

func (c *Core) refuse(id uint64, r *wire.Request, s wire.Status, why string) {
	c.respond(id, r, &wire.Response{Status: s, Reason: why})
}

// write puts a write into the log, unless it is there already.
func (c *Core) write(id uint64, r *wire.Request) {
	if s := c.sessions[r.Client]; s != nil && !c.cfg.is(ForgetDuplicates) {
		o, done := s.find(r.Seq)
		switch {
		case done:
			c.respond(id, r, &wire.Response{Status: o.status, Version: o.version})
			return
		case r.Seq < s.settled:
			c.refuse(id, r, wire.Unknown, "the client has said that it would not retry this")
			return
		case len(s.outcomes) >= MaxUnsettled:
			c.refuse(id, r, wire.Unavailable, fmt.Sprintf("%d requests that may be retried; settle some", len(s.outcomes)))
			return
		}
	}
	index := c.pending(r)
	if index == 0 {
		if lock := c.blocked(r.Ops, r.Txn.ID); lock != nil {
			c.respond(id, r, &wire.Response{Status: wire.Locked, Txn: *lock})
			return
		}
		if !c.takesPart(id, r) {
			return
		}
		if !c.append(wire.Entry{Client: r.Client, Seq: r.Seq, Settled: r.Settled, Retry: r.Retry, Ops: r.Ops, Txn: r.Txn}) {
			c.refuse(id, r, wire.Unavailable, "the primary's disk is full")
			return
		}
		index = c.log.last()
		c.broadcast()
	}
	c.waits = append(c.waits, wait{id: id, r: r, index: index, deadline: c.now + c.cfg.RequestTimeout, late: r.Retry || c.turns(index)})
}

// turns reports whether entries that aren't applied yet may decide what becomes of the one at
// an index: a lock that it will meet, keys that come to this shard with their versions.
func (c *Core) turns(index uint64) bool {
	for i := c.applied + 1; i < index; i++ {
		if e := c.log.at(i); e.Txn.Step == wire.Prepare || e.Change.Kind == wire.Import {
			return true
		}
	}
	return false
}

// pending is the index at which the log has a request that isn't applied, or 0.
func (c *Core) pending(r *wire.Request) uint64 {
	for i := c.applied + 1; i <= c.log.last(); i++ {
		if e := c.log.at(i); e.Client == r.Client && e.Seq == r.Seq {
			return i
		}
	}
	return 0
}

// takesPart reports whether a request can be answered while all is as it is, and refuses it
// if not: what it would wait for may never come.
func (c *Core) takesPart(id uint64, r *wire.Request) bool {
	if c.full() {
		c.refuse(id, r, wire.Unavailable, "the primary's disk has no room for what is committed")
		return false
	}
	if n, need := c.inSync(), c.need(r.Level); n < need {
		c.refuse(id, r, wire.Unavailable, fmt.Sprintf("%d of %d copies take part, %d must", n, len(c.shard.Replicas), need))
		return false
	}
	return true
}

// full reports whether the disk has no room for what the next committed entry does.
func (c *Core) full() bool { return c.stuck && c.applied < c.commit }

// need is how many copies must take part at a level.
func (c *Core) need(l wire.Level) int {
	switch l {
	case wire.All:
		return len(c.shard.Replicas)
	case wire.Quorum:
		return c.majority()
	}
	return 1
}

// confirm lets a read wait until enough copies have said that this epoch is the highest
// they know. Reads that come while others wait for that wait for the next round.
func (c *Core) confirm(id uint64, r *wire.Request) {
	if !c.takesPart(id, r) {
		return
	}
	waiting := false
	for i := range c.waits {
		waiting = waiting || !writes(c.waits[i].r) && c.waits[i].round == c.round
	}
	w := wait{id: id, r: r, index: c.commit, round: c.round + 1, deadline: c.now + c.cfg.RequestTimeout}
	c.waits = append(c.waits, w)
	if !waiting {
		c.round++
		c.broadcast()
	}
}

// settle answers what can be answered.
func (c *Core) settle() {
	if len(c.waits) == 0 {
		return
	}
	next := false
	c.waits = slices.DeleteFunc(c.waits, func(w wait) bool {
		if writes(w.r) {
			return c.settleWrite(&w)
		}
		next = next || w.round > c.round
		enough := c.reached(c.need(w.r.Level), c.round, roundOf) >= w.round || c.cfg.is(ReadUnconfirmed)
		if !enough || c.applied < w.index {
			return false
		}
		c.read(w.id, w.r)
		return true
	})
	if next && c.reached(c.majority(), c.round, roundOf) == c.round {
		c.round++ // the round before is over: those that waited for it go on
		c.broadcast()
	}
}

func (c *Core) settleWrite(w *wait) bool {
	if w.r.Level == wire.One && !w.late && c.verified >= w.index || c.cfg.is(AckEarly) && w.r.Level == wire.Quorum && c.verified >= w.index {
		c.respond(w.id, w.r, &wire.Response{Status: wire.OK, Version: w.index + c.span.bias})
		return true
	}
	if c.applied < w.index || w.r.Level == wire.All && c.reached(len(c.shard.Replicas), c.verified, matchOf) < w.index {
		return false
	}
	a := *w.result
	c.respond(w.id, w.r, &a)
	return true
}

// expire answers what has waited too long. A write may be done yet.
func (c *Core) expire() {
	c.waits = slices.DeleteFunc(c.waits, func(w wait) bool {
		if c.now < w.deadline {
			return false
		}
		if writes(w.r) {
			c.refuse(w.id, w.r, wire.Unknown, "too few copies confirmed it in time")
		} else {
			c.refuse(w.id, w.r, wire.Unavailable, "too few copies confirmed the epoch in time")
		}
		return true
	})
}

// abandon answers what a copy that no longer is primary can't answer.
func (c *Core) abandon() {
	for i := range c.waits {
		w := &c.waits[i]
		if writes(w.r) {
			c.refuse(w.id, w.r, wire.Unknown, "the primary lost its office before it was confirmed")
		} else {
			c.refuse(w.id, w.r, wire.NotPrimary, "")
		}
	}
	c.waits = nil
}

// read answers from the state.
func (c *Core) read(id uint64, r *wire.Request) {
	a := &wire.Response{}
	var err error
	switch r.Kind {
	case wire.Scan:
		err = c.scan(r, a)
	case wire.Transact:
		a = c.inquire(r)
	default:
		keys := slices.Clone(r.Keys)
		slices.Sort(keys)
		err = c.readKeys(slices.Compact(keys), r.Level, a)
	}
	if err != nil {
		c.suspect = errors.Join(c.suspect, err)
		c.refuse(id, r, wire.Unavailable, "the copy is being repaired")
		return
	}
	c.respond(id, r, a)
}

func (c *Core) readKeys(keys []string, l wire.Level, a *wire.Response) error {
	if lock := c.hidden(keys); lock != nil && l != wire.One {
		a.Status, a.Txn = wire.Locked, *lock
		return nil
	}
	for _, k := range keys {
		item, found, err := c.get(c.eng, k)
		if err != nil {
			return err
		}
		if found {
			a.Items = append(a.Items, item)
		}
	}
	return nil
}

// scan reads the items of [Start, End) that are in this shard.
func (c *Core) scan(r *wire.Request, a *wire.Response) error {
	limit := wire.MaxEntries
	if r.Limit > 0 && r.Limit < wire.MaxEntries {
		limit = int(r.Limit)
	}
	base := c.at('k', "")
	end := storage.PrefixEnd(base)
	for _, bound := range []string{r.End, c.shard.End, c.span.end} {
		if k := c.itemKey(bound); bound != "" && string(k) < string(end) {
			end, a.Next = k, bound
		}
	}
	size := 0
	var bad error
	err := c.eng.Scan(c.itemKey(max(r.Start, c.shard.Start, c.span.start)), end, func(k, v []byte) bool {
		if size += len(k) + len(v); len(a.Items) == limit || len(a.Items) > 0 && size > c.cfg.PageBytes {
			a.More, a.Next = true, a.Items[len(a.Items)-1].Key+"\x00"
			return false
		}
		var item wire.Item
		item, bad = decodeItem(string(k[len(base):]), v)
		a.Items = append(a.Items, item)
		return bad == nil
	})
	if lock := c.hiddenIn(r, a); lock != nil && r.Level != wire.One {
		*a = wire.Response{Status: wire.Locked, Txn: *lock}
	}
	return errors.Join(err, bad)
}
