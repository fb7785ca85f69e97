package inplace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// ErrUnfit says that a cluster can't hold what it is to hold.
var ErrUnfit = errors.New("the data does not fit")

// IndexSpec describes an index that is there, with its data, without having been
// written document by document.
type IndexSpec struct {
	Name             string
	Shards, Replicas int
	// Bytes and Docs are of all primaries together.
	Bytes, Docs int64
	// Settings are "index." keys besides shards and replicas.
	Settings settings.Settings
	// Placement is how many copies each node holds, in the cluster's order.
	Placement []int
}

// Full are the spec's settings with shards and replicas.
func (s IndexSpec) Full() settings.Settings {
	shards, replicas := fmt.Sprint(s.Shards), fmt.Sprint(s.Replicas)
	return s.Settings.With(map[string]*string{
		settings.IndexShards.Key(): &shards, settings.IndexReplicas.Key(): &replicas,
	})
}

// CreateStarted creates an index whose copies are started where the placement puts
// them, filled as described. It must be called in a process, on a cluster with a master.
func CreateStarted(ctx context.Context, c *elastic.Cluster, spec IndexSpec) error {
	rows, err := assignCopies(c.Engine().Stream("elastic.placement", spec.Name), spec.Shards, 1+spec.Replicas, spec.Placement)
	if err != nil {
		return fmt.Errorf("index %s: %w", spec.Name, err)
	}
	n, err := c.AnyNode()
	if err != nil {
		return err
	}
	acked, _, err := n.MasterTask(ctx, "create-index ["+spec.Name+"], cause [bootstrap]", elastic.Urgent, time.Minute, time.Minute,
		startIndex{spec, rows})
	switch {
	case err != nil:
		return fmt.Errorf("index %s: %w", spec.Name, err)
	case !acked:
		return fmt.Errorf("index %s: not every node has applied it", spec.Name)
	}
	return Fill(c, spec)
}

// startIndex adds an index whose copies are there from the beginning.
type startIndex struct {
	spec IndexSpec
	rows [][]int
}

func (c startIndex) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return startedIndex(m.Process.Cluster, st, c.spec, c.rows, m.Process.Clock.Now().UnixMilli())
}

// startedIndex is the state with the index, its copies on the nodes of rows.
func startedIndex(c *elastic.Cluster, st *state.State, spec IndexSpec, rows [][]int, nowMillis int64) (*state.State, error) {
	if st.Index(spec.Name) != nil {
		return nil, fmt.Errorf("index %s exists already", spec.Name)
	}
	meta := indexmeta.NewIndex(spec.Name, state.NewID(c.IDs), nowMillis, spec.Full(), []byte(indexmeta.DescribedMapping))
	at := c.Engine().Stream("elastic.index-order", c.Name()).IntN(len(st.Routing.Indices) + 1)
	st = allocation.AddIndex(st, meta, at, state.IndexCreated, allocation.Input{NowNanos: int64(c.Engine().Now()), NowMillis: nowMillis})
	table := &state.IndexTable{Index: meta.Name, Shards: make([]*state.ShardTable, meta.Shards)}
	placed := *meta
	placed.InSync = make([][]string, meta.Shards)
	for i, row := range rows {
		sh := &state.ShardTable{Index: meta.Name, Shard: i}
		for k, ordinal := range row {
			id := state.NewID(c.IDs)
			sh.Copies = append(sh.Copies, &state.Copy{
				Index: meta.Name, Shard: i, Primary: k == 0, State: state.Started, Node: c.Nodes()[ordinal].ID(),
				AllocationID: id, ExpectedBytes: -1,
			})
			placed.InSync[i] = append(placed.InSync[i], id)
			c.Adoptable[id] = true
		}
		slices.Sort(placed.InSync[i])
		table.Shards[i] = sh
	}
	st = indexmeta.ReplaceIndex(st, &placed)
	routing := *st.Routing
	routing.Indices = slices.Clone(routing.Indices)
	for i, t := range routing.Indices {
		if t.Index == meta.Name {
			routing.Indices[i] = table
		}
	}
	st.Routing = &routing
	return indexmeta.WithBlocks(st, &placed), nil
}

// Fill puts data into an index, as if it had been loaded and flushed: each of its active
// copies has segments of its own.
func Fill(c *elastic.Cluster, spec IndexSpec) error {
	m := c.Leader()
	if m == nil {
		return fmt.Errorf("index %s: there is no master", spec.Name)
	}
	st := m.Applied()
	meta := st.Index(spec.Name)
	if meta == nil {
		return elastic.IndexNotFound(spec.Name)
	}
	for i, t := range st.Routing.Index(spec.Name).Shards {
		key := store.Key{UUID: meta.UUID, Shard: i}
		docs, bytes := load.Part(spec.Docs, i, spec.Shards), load.Part(spec.Bytes, i, spec.Shards)
		for _, cp := range t.Copies {
			target := m.Proc.StoreOf(cp, key)
			if cp.Active() && target != nil {
				target.Fill(bytes, docs, c.SegmentSizes(target.Machine), c.Engine().Now())
			}
		}
	}
	for _, n := range c.Nodes() {
		if !n.Account() {
			return fmt.Errorf("index %s: %w: the disk of %s is full; expected larger disks or less data", spec.Name, ErrUnfit, n.Name())
		}
	}
	m.Proc.Master.Info.Poll()
	c.Watch.SizesChanged(spec.Name)
	return nil
}

// assignCopies distributes the copies of an index so that node i holds counts[i] of
// them and no node two of one shard: each shard goes to the nodes with most room left.
// The first of a row is the primary, on the node with the fewest of them.
func assignCopies(r *rand.Rand, shards, copies int, counts []int) ([][]int, error) {
	room := slices.Clone(counts)
	primaries := make([]int, len(counts))
	rows := make([][]int, shards)
	for i := range rows {
		order := make([]int, len(room))
		for n := range order {
			order[n] = n
		}
		slices.SortStableFunc(order, func(a, b int) int { return room[b] - room[a] })
		// Of equal nodes any may be the partner, so that one node's copies have their
		// siblings all over the cluster.
		turn := r.Perm(len(order))
		slices.SortStableFunc(order[1:], func(a, b int) int {
			if room[a] != room[b] {
				return room[b] - room[a]
			}
			return turn[a] - turn[b]
		})
		if len(order) < copies || room[order[copies-1]] == 0 {
			return nil, fmt.Errorf("no node is left for a copy of shard %d", i)
		}
		row := slices.Clone(order[:copies])
		slices.SortStableFunc(row, func(a, b int) int {
			if primaries[a] != primaries[b] {
				return primaries[a] - primaries[b]
			}
			return a - b
		})
		for _, n := range row {
			room[n]--
		}
		primaries[row[0]]++
		rows[i] = row
	}
	return rows, nil
}
