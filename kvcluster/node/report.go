package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// voters are the nodes that hear this one's heartbeats.
func (n *Node) voters() []shardmap.NodeID {
	if n.state.Known() {
		return n.state.Voters()
	}
	return n.id.Voters
}

func (n *Node) isVoter() bool { return slices.Contains(n.voters(), n.id.ID) }

func (n *Node) heartbeat() time.Duration {
	if n.state.Known() {
		return n.state.Settings().Heartbeat
	}
	return time.Second
}

// beat tells that the node lives, when it is time to.
func (n *Node) beat() {
	if n.now < n.beatAt {
		return
	}
	n.beatAt = n.now + n.heartbeat()
	n.probe()
	n.keepMemory()
	n.recall(n.silent(), n.heartbeat())
	var reports []wire.CopyReport
	for _, id := range n.shards {
		c := n.copies[id]
		c.load.turn(n.heartbeat())
		c.reported = n.describe(c)
		reports = append(reports, c.reported)
	}
	n.changed = nil
	n.tell(true, reports)
}

// probe finds out whether the disk has room, by what it takes for a little while, and
// whether a copy lacks more.
func (n *Node) probe() {
	var b storage.Batch
	b.Put(probeKey[:], make([]byte, 256))
	err := n.eng.Apply(&b)
	was := n.full
	if n.full = errors.Is(err, storage.ErrFull); !n.full {
		n.fail(err)
	} else {
		n.fullWhy = err.Error()
	}
	for _, id := range n.shards {
		if n.copies[id].core.Status().Stuck && !n.full {
			n.full, n.fullWhy = true, fmt.Sprintf("no room for what the copy of %s lacks", id)
		}
	}
	switch {
	case n.full && !was:
		n.tellEvent(Event{What: "disk-full", Detail: n.fullWhy})
	case was && !n.full:
		n.tellEvent(Event{What: "disk-has-room"})
	}
}

// diskNote says that the disk is full, and which one.
func (n *Node) diskNote() string {
	if !n.full {
		return ""
	}
	return "the disk is full: " + n.fullWhy
}

// tell sends a heartbeat, or a report between them, to the metadata group.
func (n *Node) tell(reply bool, reports []wire.CopyReport) {
	var revision uint64
	if n.state.Known() {
		revision = n.state.Revision()
	}
	for _, v := range n.voters() {
		h := &wire.Heartbeat{Peer: wire.Peer{From: n.id.ID, To: v}, Revision: revision, Reply: reply, Full: n.full, Note: n.note(), Copies: reports}
		if v == n.id.ID {
			n.onHeartbeat(h)
		} else {
			n.send(v, h)
		}
	}
}

// describe is the report of a copy.
func (n *Node) describe(c *copyOf) wire.CopyReport {
	st := c.core.Status()
	r := wire.CopyReport{Shard: c.id, Epoch: st.Configured, Promised: st.Promised, LastEpoch: st.LastEpoch, LastIndex: st.LastIndex,
		Acting: st.Role == replica.Primary && !st.Stuck, NeedEpoch: c.needs == st.Configured && c.needs > 0, InSync: st.InSync}
	r.Activated = r.Acting && c.activated == st.Promised
	r.Bytes, r.Middle, r.Measured = c.size.bytes, c.size.middle, c.size.known
	r.QPS, r.LoadMiddle = c.load.qps, c.load.middle
	r.Stuck, r.Odds = st.Stuck, st.Odds
	return r
}

// note is what an administrator should know of the node, as much as there is room for.
func (n *Node) note() string {
	var notes []string
	for _, s := range []string{n.diskNote(), n.doubt()} {
		if s != "" {
			notes = append(notes, s)
		}
	}
	if n.cfg.Lost != "" {
		notes = append(notes, "in the place of a disk that was lost: "+n.cfg.Lost)
	}
	return shorten(strings.Join(notes, "; "))
}

// shorten cuts a text to what a message has room for.
func shorten(s string) string {
	for len(s) > wire.MaxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// report tells what has changed in the copies since they were reported, when it is time
// to look.
func (n *Node) report() {
	if n.now < n.reportAt {
		return
	}
	n.reportAt = n.now + n.cfg.ReportEvery
	for _, id := range n.shards {
		c := n.copies[id]
		a, b := n.describe(c), &c.reported
		if a.Acting != b.Acting || a.Activated != b.Activated || a.NeedEpoch != b.NeedEpoch || a.Epoch != b.Epoch ||
			!slices.Equal(a.InSync, b.InSync) {
			n.changed = append(n.changed, id)
		}
	}
}

// reports are how this node's copies are now.
func (n *Node) reports() []wire.CopyReport {
	var list []wire.CopyReport
	for _, id := range n.shards {
		list = append(list, n.describe(n.copies[id]))
	}
	return list
}

// Figures are what the node knows of itself, for those who watch it.
type Figures struct {
	// Full says that the disk has no room for what is to be written, Why which one and how much.
	Full bool
	Why  string
	// Doubt says that the node can't prove that its disk is the newest.
	Doubt bool
	// Leading says that it leads the metadata group.
	Leading bool
	Copies  []wire.CopyReport
}

// Figures returns them.
func (n *Node) Figures() Figures {
	f := Figures{Full: n.full, Doubt: n.id.ID != "" && n.doubt() != "", Leading: n.leading, Copies: n.reports()}
	if n.full {
		f.Why = n.fullWhy
	}
	return f
}

// reportChanged tells of the copies to which something has happened.
func (n *Node) reportChanged() {
	if len(n.changed) == 0 || n.failed != nil || n.id.ID == "" {
		return
	}
	slices.Sort(n.changed)
	var reports []wire.CopyReport
	for _, id := range slices.Compact(n.changed) {
		if c := n.copies[id]; c != nil {
			c.reported = n.describe(c)
			reports = append(reports, c.reported)
		}
	}
	n.changed = nil
	n.tell(false, reports)
}

// load is how often a copy is asked for what.
type load struct {
	ops, stride uint64
	keys        []string // every stride-th that was asked for
	qps         uint64
	middle      string
}

// samples is how many keys are remembered for finding the middle.
const samples = 64

func (l *load) count(r *wire.Request) {
	l.ops++
	if l.ops%max(l.stride, 1) != 0 || len(l.keys) >= 2*samples {
		return
	}
	switch {
	case len(r.Keys) > 0:
		l.keys = append(l.keys, r.Keys[0])
	case len(r.Ops) > 0:
		l.keys = append(l.keys, r.Ops[0].Key)
	default:
		l.keys = append(l.keys, r.Start)
	}
}

// turn ends a span of counting.
func (l *load) turn(span time.Duration) {
	l.qps = l.ops * uint64(time.Second) / uint64(max(span, 1))
	l.middle = ""
	if len(l.keys) >= samples/4 {
		slices.Sort(l.keys)
		if k := l.keys[len(l.keys)/2]; k != l.keys[0] {
			l.middle = k
		}
	}
	l.stride = max(l.ops/samples, 1)
	l.ops, l.keys = 0, l.keys[:0]
}

// size is how large a copy is, measured bit by bit.
type size struct {
	known  bool
	bytes  uint64
	middle string

	next  time.Duration // when to measure again
	after string        // while measuring: up to where it is done
	total uint64
	marks []mark
}

type mark struct {
	key   string
	bytes uint64 // up to and with that key
}

// Measuring reads this many items at a time, and so many parts in one go.
const (
	measureItems = 16
	measureParts = 64
)

// measure goes on measuring the copies that act.
func (n *Node) measure() {
	if n.now < n.measureAt {
		return
	}
	n.measureAt = n.now + n.cfg.ReportEvery
	for _, id := range n.shards {
		c := n.copies[id]
		if c.core.Role() != replica.Primary || n.now < c.size.next || n.failed != nil {
			continue
		}
		for range measureParts {
			bytes, next, err := c.core.Measure(c.size.after, measureItems)
			if err != nil {
				n.fail(err)
				return
			}
			if c.size.add(uint64(bytes), next) {
				c.size.next = n.now + n.state.Settings().BalanceEvery/4
				break
			}
		}
	}
}

// add takes a part and reports whether it was the last.
func (s *size) add(bytes uint64, next string) bool {
	s.total += bytes
	if next != "" {
		s.marks = append(s.marks, mark{next, s.total})
		s.after = next
		return false
	}
	s.known, s.bytes, s.middle = true, s.total, ""
	best := s.total
	for _, m := range s.marks {
		if off := max(m.bytes*2, s.total) - min(m.bytes*2, s.total); off < best {
			s.middle, best = m.key, off
		}
	}
	s.after, s.total, s.marks = "", 0, nil
	return true
}
