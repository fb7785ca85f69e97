package replica

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// give is how far the primary of a shard that is being merged into its heir has come.
type give struct {
	begun bool
	after []byte
}

// imported is how far the heir has come.
type imported struct {
	epoch uint64 // since when the source doesn't change: tells it from a later one of its name
	after []byte
	done  bool
}

func (i imported) encode() []byte {
	buf := binary.AppendUvarint(nil, i.epoch)
	done := byte(0)
	if i.done {
		done = 1
	}
	return append(append(buf, done), i.after...)
}

func decodeImported(buf []byte) (imported, error) {
	r := reader{buf: buf}
	i := imported{epoch: r.uint(), done: r.uint() == 1}
	i.after = r.buf
	return i, r.err("merge")
}

// sendHandover sends the heir the part of the state that it lacks.
func (c *Core) sendHandover() {
	if c.applied < c.commit || c.span.heir == "" {
		return
	}
	x := wire.Change{Kind: wire.Import, Start: c.span.start, End: c.span.end, Source: c.shard.ID, SourceEpoch: c.span.sealed,
		After: c.give.after, Done: true, Version: c.span.bias + c.applied}
	prefix := c.keys.of(c.gen)
	start := append(slices.Clone(prefix), c.give.after...)
	if len(c.give.after) > 0 {
		start = append(start, 0) // the key after it
	}
	size := 0
	err := c.eng.Scan(start, storage.PrefixEnd(prefix), func(k, v []byte) bool {
		if !c.bequeaths(k[len(prefix)], string(k[len(prefix)+1:])) {
			return true
		}
		if len(x.Items) == wire.MaxEntries || size > 0 && size+len(k)+len(v) > c.cfg.PageBytes {
			x.Done = false
			return false
		}
		size += len(k) + len(v)
		x.Items = append(x.Items, wire.Raw{Key: slices.Clone(k[len(prefix):]), Value: slices.Clone(v)})
		return true
	})
	if err != nil {
		c.broken(err)
		return
	}
	h := c.to("")
	h.Shard, h.Life = c.span.heir, 0
	c.send(&wire.Handover{Copy: h, Change: x})
}

// bequeaths reports whether a thing of the state goes to the heir. What has been split
// off may still be here, but is no longer this shard's.
func (c *Core) bequeaths(kind byte, name string) bool {
	switch kind {
	case 'k', 'i':
		return !c.shard.Drop && c.span.covers(name)
	case 't':
		return c.span.covers(c.records[name].anchor)
	case 'c', 'e':
		return true
	}
	return false
}

// onHandover puts the part of a shard that comes next into the log.
func (c *Core) onHandover(m *wire.Handover) {
	x := &m.Change
	if c.role != Primary || x.Kind != wire.Import || checkItems(x.Items) != nil {
		return
	}
	i := c.importOf(x)
	if i.done || !bytes.Equal(x.After, i.after) {
		c.sendTaken(m.From, x.Source, i)
		return
	}
	if c.reshaped > c.applied || len(c.span.parts) > 0 || c.span.heir != "" || !c.adjacent(x) {
		return // not now; it is sent again
	}
	if c.append(wire.Entry{Change: *x}) {
		c.reshaped, c.takeFrom = c.log.last(), m.From
		c.broadcast()
	}
}

// importOf is how far the import that a change is part of has come.
func (c *Core) importOf(x *wire.Change) imported {
	if i := c.imports[x.Source]; i.epoch == x.SourceEpoch {
		return i
	}
	return imported{epoch: x.SourceEpoch}
}

func (c *Core) adjacent(x *wire.Change) bool {
	return c.span.known && (x.Start == c.span.end && x.Start != "" || x.End == c.span.start && x.End != "")
}

func (c *Core) sendTaken(to shardmap.NodeID, source shardmap.ID, i imported) {
	h := c.to(to)
	h.Shard, h.Life = source, 0
	c.send(&wire.Taken{Copy: h, SourceEpoch: i.epoch, After: i.after, Done: i.done})
}

// onTaken goes on with the next part, or is done.
func (c *Core) onTaken(m *wire.Taken) {
	if c.role != HandingOver || m.SourceEpoch != c.span.sealed {
		return
	}
	if m.Done {
		c.role = Primary
		c.event(Activated, c.promised)
		return
	}
	if bytes.Compare(m.After, c.give.after) > 0 {
		c.give.after = m.After
		c.sendHandover()
	}
}

// takeOver adds a part of another shard's state to this one's. Its keys lie outside the
// range, where nobody sees them, until the last part extends the range.
func (c *Core) takeOver(x *effect, e *wire.Entry) error {
	in := &e.Change
	i := c.importOf(in)
	if i.done || !bytes.Equal(i.after, in.After) || !c.adjacent(in) {
		return nil
	}
	for _, r := range in.Items {
		if err := c.takeItem(x, r); err != nil {
			return err
		}
		i.after = r.Key
	}
	i.done = in.Done
	if i.done {
		s := c.span
		if in.Start == s.end && in.Start != "" {
			s.end = in.End
		} else {
			s.start = in.Start
		}
		s.bias = max(s.bias, max(in.Version, e.Index)-e.Index)
		c.setSpan(x, s)
	}
	x.Put(c.at('x', string(in.Source)), i.encode())
	x.then(func() {
		c.imports[in.Source] = i
		if c.role == Primary && c.reshaped == e.Index {
			c.sendTaken(c.takeFrom, in.Source, i)
		}
	})
	return nil
}

func (c *Core) takeItem(x *effect, r wire.Raw) error {
	name := string(r.Key[1:])
	value := r.Value
	switch r.Key[0] {
	case 'c':
		client := binary.BigEndian.Uint64(r.Key[1:])
		s, err := decodeSession(r.Value)
		if err != nil {
			return err
		}
		s.join(c.sessions[client])
		value = s.encode()
		x.then(func() { c.sessions[client] = s })
	case 'e':
		x.then(func() { c.evicted = true })
	case 'i':
		l, err := decodeIntent(r.Value)
		if err != nil {
			return err
		}
		x.then(func() { c.intents[name] = l })
	case 't':
		d, err := decodeRecord(r.Value)
		if err != nil {
			return err
		}
		x.then(func() { c.records[name] = d })
	}
	x.Put(c.at(r.Key[0], name), value)
	return nil
}

// join adds what is remembered of the same client elsewhere.
func (s *session) join(o *session) {
	if o == nil {
		return
	}
	s.last, s.settled = max(s.last, o.last), max(s.settled, o.settled)
	for _, x := range o.outcomes {
		if _, known := s.find(x.seq); !known {
			s.outcomes = append(s.outcomes, x)
		}
	}
}
