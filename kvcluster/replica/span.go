package replica

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// span is the range of the state, and what has become of the rest of it.
type span struct {
	known      bool // otherwise nothing was ever claimed
	start, end string
	parts      []part // whose data is still here
	// heir is the shard that this one is being merged into, sealed the epoch since when
	// it doesn't change.
	heir   shardmap.ID
	sealed uint64
	// bias is added to the log's index to make versions, which must not go back when the
	// content comes under another log.
	bias uint64
}

// part is a range that was split off by the entry at index.
type part struct {
	shardmap.Part
	index, epoch uint64
}

func (s *span) covers(key string) bool {
	return !s.known || s.start <= key && (s.end == "" || key < s.end)
}

func (s *span) encode() []byte {
	buf := appendText(nil, s.start)
	buf = appendText(buf, s.end)
	buf = appendText(buf, string(s.heir))
	buf = binary.AppendUvarint(buf, s.sealed)
	buf = binary.AppendUvarint(buf, s.bias)
	for _, p := range s.parts {
		buf = appendText(buf, string(p.ID))
		buf = appendText(buf, p.Start)
		buf = appendText(buf, p.End)
		buf = binary.AppendUvarint(buf, p.Since)
		buf = binary.AppendUvarint(buf, p.index)
		buf = binary.AppendUvarint(buf, p.epoch)
	}
	return buf
}

func decodeSpan(buf []byte) (span, error) {
	r := reader{buf: buf}
	s := span{known: true, start: r.text(), end: r.text(), heir: shardmap.ID(r.text()), sealed: r.uint(), bias: r.uint()}
	for len(r.buf) > 0 && !r.bad {
		s.parts = append(s.parts, part{shardmap.Part{ID: shardmap.ID(r.text()), Start: r.text(), End: r.text(), Since: r.uint()}, r.uint(), r.uint()})
	}
	return s, r.err("range")
}

func appendText(buf []byte, s string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(s))), s...)
}

// reader takes apart a record of the state.
type reader struct {
	buf []byte
	bad bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.bad, r.buf = true, nil
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.buf)) {
		r.bad, r.buf = true, nil
		return ""
	}
	s := string(r.buf[:n])
	r.buf = r.buf[n:]
	return s
}

func (r *reader) err(what string) error {
	if r.bad {
		return fmt.Errorf("the record of a %s is malformed: %w", what, storage.ErrCorrupt)
	}
	return nil
}

// claim begins an epoch: what has been split off leaves the range, a shard that has an
// heir doesn't change any more.
func (c *Core) claim(x *effect, e *wire.Entry) error {
	s := c.span
	s.parts = slices.Clone(s.parts)
	if !s.known {
		s.known, s.start, s.end = true, e.Change.Start, e.Change.End
	}
	var fresh []shardmap.Part
	for _, p := range e.Change.Parts {
		at := slices.IndexFunc(s.parts, func(q part) bool { return q.ID == p.ID })
		if at >= 0 && s.parts[at].Since != p.Since { // an earlier one of the name, which is gone
			c.dropPart(x, s.parts[at])
			s.parts, at = slices.Delete(s.parts, at, at+1), -1
		}
		if at < 0 {
			fresh = append(fresh, p)
			s.parts = append(s.parts, part{p, e.Index, e.Epoch})
			c.keepClientsFor(x, p.ID)
		}
	}
	s.cut(fresh)
	if s.heir = e.Change.Heir; s.heir != "" && s.sealed == 0 {
		s.sealed = e.Epoch
	}
	c.setSpan(x, s)
	return nil
}

// cut takes parts away from the ends of the range, in whatever order they are adjacent.
func (s *span) cut(parts []shardmap.Part) {
	for range parts {
		for _, p := range parts {
			if p.End == s.end && s.start < p.Start {
				s.end = p.Start
			} else if p.Start == s.start && p.End != "" {
				s.start = p.End
			}
		}
	}
}

func (c *Core) setSpan(x *effect, s span) {
	x.Put(c.at('r', ""), s.encode())
	x.then(func() { c.span = s })
}

// keepClientsFor keeps what is remembered of clients as it is now, for those copies of a part
// that are born later.
func (c *Core) keepClientsFor(x *effect, id shardmap.ID) {
	to := c.staged(id)
	for _, client := range sortedKeys(c.sessions) {
		x.Put(append(append(slices.Clone(to), 'c'), c.clientKey(client)[len(c.at('c', "")):]...), c.sessions[client].encode())
	}
	if c.evicted {
		x.Put(append(slices.Clone(to), 'e'), nil)
	}
}

// staged is the prefix of what is kept for a part.
func (c *Core) staged(id shardmap.ID) []byte { return appendText(c.at('q', ""), string(id)) }

// release drops the data of parts, which have it themselves by now.
func (c *Core) release(x *effect, e *wire.Entry) error {
	s := c.span
	s.parts = slices.DeleteFunc(slices.Clone(s.parts), func(p part) bool {
		gone := slices.Contains(e.Change.Parts, p.Part)
		if gone {
			c.dropPart(x, p)
		}
		return gone
	})
	c.setSpan(x, s)
	return nil
}

// dropPart drops what is kept for copies of a part.
func (c *Core) dropPart(x *effect, p part) {
	c.dropRange(x, p.Start, p.End)
	x.DeleteRange(c.staged(p.ID), storage.PrefixEnd(c.staged(p.ID)))
}

// dropRange drops the keys of a range with their locks, and the decisions anchored in
// it.
func (c *Core) dropRange(x *effect, start, end string) {
	for _, kind := range []byte{'k', 'i'} {
		to := storage.PrefixEnd(c.at(kind, ""))
		if end != "" {
			to = c.at(kind, end)
		}
		x.DeleteRange(c.at(kind, start), to)
	}
	inside := shardmap.Shard{Start: start, End: end}
	for _, key := range sortedKeys(c.intents) {
		if inside.Covers(key) {
			x.then(func() { delete(c.intents, key) })
		}
	}
	for _, id := range sortedKeys(c.records) {
		if inside.Covers(c.records[id].anchor) {
			c.putRecord(x, id, nil)
		}
	}
}

// unborn reports whether this node still lacks a copy of a part.
func (c *Core) unborn() bool {
	for _, p := range c.span.parts {
		if c.born[p.ID] != p.Since {
			return true
		}
	}
	return false
}

// bear makes this node's copies of parts. When the disk is full, it tries again at the
// next step.
func (c *Core) bear() {
	for _, p := range c.span.parts {
		if c.failed != nil || c.born[p.ID] == p.Since {
			continue
		}
		done, fresh, err := c.birth(p)
		if err != nil {
			c.broken(err)
			return
		}
		if !done {
			return
		}
		c.born[p.ID] = p.Since
		if fresh {
			c.wantSync()
			c.out.Events = append(c.out.Events, Event{Kind: Born, Shard: p.ID, Epoch: p.epoch})
		}
	}
}

// birth writes a part's content to where its core looks for it, unless there is some
// already. The last batch makes it valid. It reports whether it is done, and whether it
// did anything.
func (c *Core) birth(p part) (done, fresh bool, err error) {
	keys := newLayout(p.ID)
	d, err := loadMeta(c.eng, keys)
	if err != nil {
		return true, false, nil // its own core sees to that
	}
	switch {
	case d.life > p.Since:
		return true, false, nil // a later one of the name has come already
	case d.life > 0 && d.life < p.Since:
		// What is there belongs to an earlier one.
		var b storage.Batch
		Forget(&b, p.ID, d.promised)
		if !c.tryApply(&b) {
			return c.failed != nil, false, c.failed
		}
		d = durable{promised: d.promised, gen: d.gen}
	}
	empty := d.applied == 0 && d.log.base == 0
	if err := c.eng.Scan(keys.log, storage.PrefixEnd(keys.log), func(_, _ []byte) bool { empty = false; return false }); err != nil {
		return false, false, err
	}
	if !empty || d.damaged {
		return true, false, nil
	}
	d.gen++
	d.life = p.Since
	// The entry's epoch is the origin's; all epochs of the part are later than 0.
	d.applied, d.log.base, d.log.baseEpoch = p.index, p.index, 0
	to := keys.of(d.gen)
	w := &copier{c: c}
	w.DeleteRange(to, storage.PrefixEnd(to))
	c.copyPart(w, p, to)
	w.Put(append(slices.Clone(to), 'r'), (&span{start: p.Start, end: p.End, bias: c.span.bias}).encode())
	w.Put(keys.meta, d.encode())
	w.flush()
	return w.err == nil && !w.full, true, w.err
}

// copyPart copies what belongs to a part to the prefix of its state.
func (c *Core) copyPart(w *copier, p part, to []byte) {
	inside := shardmap.Shard{Start: p.Start, End: p.End}
	first := true
	for _, kind := range []byte{'k', 'i'} {
		from := c.at(kind, "")
		end := storage.PrefixEnd(from)
		if p.End != "" {
			end = c.at(kind, p.End)
		}
		w.scan(c.at(kind, p.Start), end, func(k, v []byte) {
			if kind == 'k' && first && c.cfg.is(LoseKeyInSplit) {
				first = false
				return
			}
			w.Put(append(append(slices.Clone(to), kind), k[len(from):]...), slices.Clone(v))
		})
	}
	for _, id := range sortedKeys(c.records) {
		if inside.Covers(c.records[id].anchor) {
			w.Put(append(append(slices.Clone(to), 't'), id...), c.records[id].encode())
		}
	}
	staged := c.staged(p.ID)
	w.scan(staged, storage.PrefixEnd(staged), func(k, v []byte) {
		w.Put(append(slices.Clone(to), k[len(staged):]...), slices.Clone(v))
	})
}

// copier collects what is copied into batches of a size that engines take.
type copier struct {
	c *Core
	storage.Batch
	size int
	full bool
	err  error
}

func (w *copier) scan(start, end []byte, f func(k, v []byte)) {
	if w.err != nil {
		return
	}
	// What is copied lies elsewhere, but an engine must not be written to during a scan.
	s, err := w.c.eng.Snapshot()
	if err != nil {
		w.err = err
		return
	}
	err = s.Scan(start, end, func(k, v []byte) bool {
		f(k, v)
		if w.size += len(k) + len(v); w.size > w.c.cfg.PageBytes {
			w.flush()
		}
		return w.err == nil && !w.full
	})
	if e := s.Close(); err == nil {
		err = e
	}
	if w.err == nil {
		w.err = err
	}
}

func (w *copier) flush() {
	if w.err == nil && !w.full {
		w.full = !w.c.tryApply(&w.Batch)
		w.err = w.c.failed
	}
	w.Batch, w.size = storage.Batch{}, 0
}
