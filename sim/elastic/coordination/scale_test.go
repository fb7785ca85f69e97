package coordination

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// large is a cluster of three master-eligible nodes and n-3 data nodes.
func large(n int) *world {
	w := newWorld(1, 3, true)
	for i := range n - 3 {
		w.add(fmt.Sprintf("d%03d", i), nil).cfg.Node.Roles = []string{"data"}
	}
	for _, h := range w.hosts {
		h.cfg.Hooks.Log = nil
	}
	return w
}

// BenchmarkPublication publishes a state to a thousand nodes.
func BenchmarkPublication(b *testing.B) {
	w := large(1000).formed(b)
	l := w.leader()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		done := false
		task := touch("bench", nil)
		task.Published = func(_, _ *state.State) { done = true }
		l.c.Submit(task)
		w.await(b, time.Second, func() bool { return done })
	}
}

// BenchmarkFormation starts clusters and waits until they are one.
func BenchmarkFormation(b *testing.B) {
	for _, n := range []int{3, 1000} {
		b.Run(fmt.Sprint(n, " nodes, 3 of them master-eligible"), func(b *testing.B) {
			for range b.N {
				large(n).formed(b)
			}
		})
	}
	b.Run("50 nodes, all master-eligible", func(b *testing.B) {
		for range b.N {
			w := newWorld(1, 50, true).formed(b)
			b.ReportMetric(w.e.Now().Duration().Seconds(), "virtual-s")
		}
	})
}

func TestAThousandNodesLoseADozenWithFewEvents(t *testing.T) {
	w := large(1000).formed(t)
	l := w.leader()
	before := w.e.Events()
	for i := range 12 {
		w.by[fmt.Sprintf("d%03d", i*7)].kill()
	}
	w.await(t, 10*time.Second, func() bool { return len(l.applied.Nodes) == 988 })
	w.run(t, time.Hour)
	require.Less(t, w.e.Events()-before, uint64(60_000), "some publications of four messages a node each")
}
