package backend

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Agreement is how far the model's desired balance of a state is that of the cluster.
type Agreement struct {
	// Own says that the cluster told its desired balance; else it is compared with where the
	// copies are.
	Own bool
	// Copies are compared, Agree of them are wanted on the same node.
	Copies, Agree int
	Differences   []Difference
}

// Difference is a shard whose copies the model wants elsewhere. Nodes are named.
type Difference struct {
	Shard          string
	Cluster, Model []string // nodes of one that the other has not
	Why            string
}

// Agree computes the desired balance of an imported state afresh and compares.
func Agree(ctx context.Context, from *clusterfile.Cluster) (*Agreement, error) {
	spec := scenarios.ClusterSpec{Name: from.Name, System: from.System, Own: &es.Description{Formed: from}, Viewers: []string{scenarios.ViewerClient}}
	for _, n := range from.Nodes {
		spec.Nodes = append(spec.Nodes, scenarios.NodeSpec{
			Name: n.Name, Disk: n.Disk.Total.V, CPUs: int(n.Processors.V), Heap: n.HeapMax.V, Roles: slices.Clone(n.Roles), Attributes: n.Attributes, Latency: time.Millisecond,
		})
	}
	started, err := (&Backend{}).Start(ctx, spec, scenarios.StartOptions{Seed: 1, Progress: func(string, ...any) {}})
	if err != nil {
		return nil, err
	}
	defer started.Close(ctx) //nolint:errcheck // a simulation holds nothing
	c, _ := Model(started)
	return agreement(c, from), nil
}

// agreement compares shard by shard.
func agreement(c *elastic.Cluster, from *clusterfile.Cluster) *Agreement {
	p := c.Leader().Proc
	m, st := p.Master, p.Applied
	svc := allocation.New(allocation.Config{
		NewAllocationID: func() string { return state.NewID(c.IDs) }, NodeSettings: p.Node.Config().Settings, Fetcher: m.Fetch,
	})
	m.Fetch.View = st
	svc.Reroute(st, m.Input())
	svc.Compute()
	out := &Agreement{}
	for i := range from.Indices {
		ix := &from.Indices[i]
		for num := range ix.Shards {
			model, ok := svc.Desired(st.Index(ix.Name), num)
			if ok {
				out.compare(c, ix, num, model.Nodes)
			}
		}
	}
	return out
}

// compare adds a shard.
func (a *Agreement) compare(c *elastic.Cluster, ix *clusterfile.Index, num int, ids []string) {
	s := &ix.Shards[num]
	var placed, model []string
	for _, cp := range s.Copies {
		switch {
		case cp.To != "":
			placed = append(placed, cp.To)
		case cp.Node != "":
			placed = append(placed, cp.Node)
		}
	}
	for _, id := range ids {
		model = append(model, c.ByID[id].Name())
	}
	want := placed
	if len(s.Desired) > 0 {
		want, a.Own = s.Desired, true
	}
	d := Difference{Shard: fmt.Sprintf("[%s][%d]", ix.Name, num), Cluster: without(want, model), Model: without(model, want)}
	a.Copies += max(len(want), len(model))
	a.Agree += max(len(want), len(model)) - max(len(d.Cluster), len(d.Model))
	if len(d.Cluster)+len(d.Model) == 0 {
		return
	}
	switch {
	case len(without(model, placed)) == 0:
		d.Why = "the model leaves the copies where they are; the cluster has decided to move some"
	case len(without(want, placed)) == 0:
		d.Why = "the cluster leaves the copies where they are; the model would move some, by what the master has heard of sizes"
	default:
		d.Why = "both would move copies, to other nodes"
	}
	a.Differences = append(a.Differences, d)
}

// without are the names of a list that another has not.
func without(list, other []string) []string {
	var out []string
	for _, n := range list {
		if !slices.Contains(other, n) {
			out = append(out, n)
		}
	}
	return out
}
