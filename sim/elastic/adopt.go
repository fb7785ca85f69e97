package elastic

import (
	"math/rand/v2"

	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Content is what a copy holds that is there from the beginning.
type Content struct {
	Bytes, Docs int64
	// MaxSeqNo is -1 where as many operations were done as there are documents.
	MaxSeqNo int64
}

// adopt opens a started copy that was made by CreateStarted.
func (p *Process) adopt(m *state.Index, t *state.ShardTable, want *state.Copy) {
	key := store.Key{UUID: m.UUID, Shard: t.Shard}
	st := p.Node.NewStore(key, m.Name)
	s := &Shard{
		Process: p, Key: key, Index: m.Name, Meta: m, table: t, Routing: want, Store: st, Phase: Started,
		Created: p.Cluster.e.Now(), Term: m.PrimaryTerms[t.Shard], lastSearch: p.Cluster.e.Now(),
	}
	p.openShard(s)
	s.writeState()
	st.Flush()
	if pr := t.Primary(); pr != nil {
		st.History = m.UUID // one history for all copies
	}
	if c, ok := p.Cluster.Contents[want.AllocationID]; ok {
		p.Cluster.Put(st, c)
	}
	if want.Primary {
		s.activate(m.InSync[t.Shard])
		for _, c := range t.Copies {
			s.Tracker.PutLease(c.Node, 0)
		}
	}
	p.Cluster.Fluid.CopyOpened(key) // a primary that was there first did not reach it
	s.startedAsIs()
}

// startedAsIs gives an adopted copy the record of a recovery from an empty store.
func (s *Shard) startedAsIs() {
	r := &Recovery{Shard: s}
	r.Target = peer.NewTarget(recovering{r}, recovering{r}, state.EmptyStore)
	r.Stage, r.Stop, r.OpsTotal = StageDone, r.Start, 0
	r.Over, r.Planned, r.Copied = true, true, true
	s.Recovery = r
}

// Put makes a store hold what it is said to.
func (c *Cluster) Put(st *store.Store, in Content) {
	st.Fill(max(0, in.Bytes-store.EmptyStoreBytes), in.Docs, c.SegmentSizes(st.Machine), c.e.Now())
	if in.MaxSeqNo >= 0 {
		st.Engine.Max = in.MaxSeqNo
	}
	st.Global = st.Engine.LocalCheckpoint()
	st.Commit.Checkpoint, st.Commit.AtOps = st.Global, st.Engine.TotalOps()
}

// SegmentSizes draws how a node's shards are merged.
func (c *Cluster) SegmentSizes(machine int) *rand.Rand {
	return c.e.Stream("elastic.segments", c.nodes[machine].Name())
}
