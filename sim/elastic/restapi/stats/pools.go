package stats

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// PoolFigures are the figures of all thread pools of a node, in order of their names; of those
// that the model does not have nothing is under way.
func PoolFigures(n *elastic.NodeStats) []elastic.PoolStats {
	var out []elastic.PoolStats
	for _, name := range pools() {
		p := elastic.PoolStats{Name: name}
		if i := slices.IndexFunc(n.Pools, func(p elastic.PoolStats) bool { return p.Name == name }); i >= 0 {
			p = n.Pools[i]
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b elastic.PoolStats) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Pool is how a thread pool is made.
type Pool struct {
	Type              string // fixed or scaling
	Size, Core, Queue int
}

// PoolOf is a thread pool by the defaults of its settings.
func PoolOf(name string) Pool {
	def := func(what string) (int, bool) {
		e := settings.ClusterRegistry().Lookup("thread_pool." + name + "." + what)
		if e == nil {
			return 0, false
		}
		n, err := strconv.Atoi(e.Default)
		return n, err == nil
	}
	p := Pool{Type: "scaling", Queue: -1}
	if size, fixed := def("size"); fixed {
		p.Type, p.Size = "fixed", size
		p.Queue, _ = def("queue_size")
		return p
	}
	p.Size, _ = def("max")
	p.Core, _ = def("core")
	return p
}
