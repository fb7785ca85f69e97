package importer

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// catSizes are the rows of _cat/shards by copy, newer over older.
func (a *assembly) catSizes() map[catKey]catShard {
	out := map[catKey]catShard{}
	for _, s := range slices.Backward(a.all) {
		for _, c := range s.catShards {
			if c.node == "" || !c.bytes.Known() {
				continue
			}
			k := catKey{c.index, c.shard, c.node}
			if old, ok := out[k]; ok && old.bytes.Tag < c.bytes.Tag {
				continue // exact bytes over rounded ones
			}
			out[k] = c
		}
	}
	return out
}

// sizes takes over bytes, documents and sequence numbers.
func (a *assembly) sizes(ix *clusterfile.Index, rows map[catKey]catShard) {
	for num := range ix.Shards {
		for i := range ix.Shards[num].Copies {
			c := &ix.Shards[num].Copies[i]
			if c.Node == "" {
				continue
			}
			if st, ok := first(a, func(s *snapshot) (shardStat, bool) {
				v, ok := s.shardStats[statKey{ix.Name, num, a.ids[c.Node]}]
				return v, ok
			}); ok {
				c.Bytes, c.Docs = st.size(), number(st.docs)
				if st.max.ok && st.max.v >= 0 {
					c.Sequence = &clusterfile.Sequence{Max: st.max.v, Local: st.local.v, Global: st.glob.v}
				}
			}
			if r, ok := rows[catKey{ix.Name, num, c.Node}]; ok {
				c.Bytes, c.Docs = known(c.Bytes, r.bytes), known(c.Docs, r.docs)
			}
		}
		equalSizes(&ix.Shards[num])
	}
	a.sizesOfIndex(ix)
}

// equalSizes gives copies of unknown size that of another copy of the shard.
func equalSizes(s *clusterfile.Shard) {
	var bytes, docs clusterfile.Number
	for _, c := range s.Copies {
		if c.Bytes.Known() && (!bytes.Known() || c.Primary) {
			bytes, docs = clusterfile.Computed(c.Bytes.V), clusterfile.Computed(c.Docs.V)
		}
	}
	for i := range s.Copies {
		if c := &s.Copies[i]; c.Node != "" && c.State != clusterfile.Initializing {
			c.Bytes, c.Docs = known(c.Bytes, bytes), known(c.Docs, docs)
		}
	}
}

// sizesOfIndex gives shards of unknown size their part of what _cat/indices says of all.
func (a *assembly) sizesOfIndex(ix *clusterfile.Index) {
	cat, ok := first(a, func(s *snapshot) (catIndex, bool) { v, ok := s.catIndices[ix.Name]; return v, ok && v.bytes.Known() })
	if !ok || cat.primaries < 1 {
		return
	}
	for num := range ix.Shards {
		for i := range ix.Shards[num].Copies {
			if c := &ix.Shards[num].Copies[i]; c.Node != "" && !c.Bytes.Known() {
				c.Bytes, c.Docs = clusterfile.Computed(cat.bytes.V/cat.primaries), clusterfile.Computed(cat.docs.V/cat.primaries)
			}
		}
	}
}

// guessSizes gives what is left the average of the others.
func (a *assembly) guessSizes() {
	sum, n, guessed := int64(0), int64(0), 0
	a.eachCopy(func(_ *clusterfile.Index, _ int, c *clusterfile.Copy) {
		if c.Bytes.Known() {
			sum += c.Bytes.V
			n++
		}
	})
	average := int64(assumedCopy)
	if n > 0 {
		average = sum / n
	}
	a.eachCopy(func(_ *clusterfile.Index, _ int, c *clusterfile.Copy) {
		if c.Node == "" || c.State == clusterfile.Initializing {
			return
		}
		if !c.Bytes.Known() {
			c.Bytes = clusterfile.Guessed(average)
			guessed++
		}
		if !c.Docs.Known() {
			c.Docs = clusterfile.Guessed(c.Bytes.V / averageBytes)
		}
	})
	if guessed > 0 {
		a.assume(95, fmt.Sprintf("size of %d copies", guessed), fmt.Sprintf("%d bytes each", average),
			"neither _stats?level=shards nor _cat/shards nor _cat/indices tells it", "how long every recovery takes, whether copies fit on other disks")
	}
}

func (a *assembly) eachCopy(f func(ix *clusterfile.Index, shard int, c *clusterfile.Copy)) {
	for i := range a.c.Indices {
		ix := &a.c.Indices[i]
		for num := range ix.Shards {
			for k := range ix.Shards[num].Copies {
				f(ix, num, &ix.Shards[num].Copies[k])
			}
		}
	}
}

// load is operations per second of each copy: from two samples, else since its node or its
// index began.
func (a *assembly) load() {
	lifetime, counted := 0, 0
	a.eachCopy(func(ix *clusterfile.Index, num int, c *clusterfile.Copy) {
		key := statKey{ix.Name, num, a.ids[c.Node]}
		now, ok := a.base.shardStats[key]
		if !ok {
			return
		}
		counted++
		if a.older != nil {
			if then, ok := a.older.shardStats[key]; ok && now.indexed.v >= then.indexed.v && now.queried.v >= then.queried.v {
				span := a.base.statsAt - a.older.statsAt
				c.Writes = rate(now.indexed.v-then.indexed.v, span, clusterfile.Derived)
				c.Reads = rate(now.queried.v-then.queried.v, span, clusterfile.Derived)
				return
			}
		}
		span := a.uptime[c.Node]
		if age := a.base.at - ix.Created.V; ix.Created.Known() && a.base.at > 0 && age > 0 && (span == 0 || age < span) {
			span = age
		}
		if span <= 0 {
			return
		}
		lifetime++
		c.Writes, c.Reads = rate(now.indexed.v, span, clusterfile.Assumed), rate(now.queried.v, span, clusterfile.Assumed)
	})
	switch {
	case counted == 0:
		a.assume(60, "load", "none", "no source holds _stats?level=shards", "how much recoveries compete with clients")
	case lifetime > 0:
		a.assume(55, fmt.Sprintf("load of %d copies", lifetime), "the average since their node or their index began",
			"there is one sample of the counters; give two bundles, or --sample 60s with --es", "how much recoveries compete with clients")
	}
}

func rate(operations, millis int64, t clusterfile.Tag) clusterfile.Float {
	return clusterfile.Float{V: float64(operations) * 1000 / float64(millis), Tag: t}
}
