package replica

import (
	"sort"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
)

// Status is what a node reports of a copy.
type Status struct {
	// Configured is the epoch of the configuration, Promised the lowest that is obeyed.
	Configured, Promised uint64
	// LastEpoch and LastIndex are of the last entry of the log.
	LastEpoch, LastIndex uint64
	Role                 Role
	// Stuck says that the disk has no room to apply what is committed. A primary like that
	// answers nobody.
	Stuck bool
	// Odds says that another copy contradicts this one (AtOdds).
	Odds bool
	// InSync are the copies, this one included, that a primary has heard of lately, that have
	// everything from before its epoch, and that keep up with it.
	InSync []shardmap.NodeID
}

// Status is how the copy is, as of the last step.
func (c *Core) Status() Status {
	s := Status{Configured: c.shard.Epoch, Promised: c.promised, LastEpoch: c.log.lastEpoch(), LastIndex: c.log.last(), Role: c.role,
		Stuck: c.full(), Odds: c.odds}
	if c.role != Primary {
		return s
	}
	begin := c.log.base
	if c.log.baseEpoch != c.promised {
		begin += 1 + uint64(sort.Search(len(c.log.list), func(i int) bool { return c.log.list[i].Epoch >= c.promised }))
	}
	s.InSync = append(s.InSync, c.self)
	for _, m := range c.members {
		if m.known && c.now-m.heard <= c.cfg.InSyncTimeout && m.match >= begin && c.keepsUp(m) {
			s.InSync = append(s.InSync, m.node)
		}
	}
	return s
}

// Measure is the bytes of a part of the copy's content: of up to limit items behind a
// key, which is "" at first. It returns the key to go on behind, or "" when there are no
// more.
func (c *Core) Measure(after string, limit int) (bytes int64, next string, err error) {
	base := c.at('k', "")
	start, end := c.itemKey(max(after, c.span.start)), storage.PrefixEnd(base)
	if after != "" {
		start = append(start, 0)
	}
	if c.span.end != "" {
		end = c.itemKey(c.span.end)
	}
	n := 0
	err = c.eng.Scan(start, end, func(k, v []byte) bool {
		if n == limit {
			return false
		}
		n++
		bytes += int64(len(k) - len(base) + len(v))
		next = string(k[len(base):])
		return true
	})
	if n < limit {
		next = ""
	}
	return bytes, next, err
}

// Forget adds to a batch what removes a shard's data from a node that holds no copy of
// it any more. The promise to obey no epoch below the one given stays: the node may
// come to hold a copy again, and old primaries may still be about.
func Forget(b *storage.Batch, shard shardmap.ID, promised uint64) {
	keys := newLayout(shard)
	b.DeleteRange(keys.log, storage.PrefixEnd(keys.log))
	b.DeleteRange(keys.state, storage.PrefixEnd(keys.state))
	gone := &Core{keys: keys, durable: durable{promised: promised}}
	gone.saveMeta(b)
}
