package load_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/load"
)

func TestLoadAveragesFollowTheLoadAsTheKernels(t *testing.T) {
	var l load.Averages
	l.Follow(0, sim.Time(time.Minute), 1)
	assert.InDelta(t, 0.63, l.Values()[0], 0.02, "1 - 1/e after a minute")
	once := l
	l.Follow(sim.Time(time.Minute), sim.Time(10*time.Minute), 1)
	assert.InDelta(t, 1, l.Values()[0], 0.01)
	assert.Greater(t, l.Values()[1], once.Values()[1])
	l.Follow(sim.Time(10*time.Minute), sim.Time(20*time.Minute), 0)
	assert.Zero(t, l.Values()[0])
	assert.Positive(t, l.Values()[2])
}

func TestSharesOfProcessorsAreFairByThreads(t *testing.T) {
	assert.Equal(t, [3]float64{0.5, 0.25, 0}, load.FairShares([3]float64{0.5, 0.25, 0}, [3]float64{2, 4, 2}, 2))
	got := load.FairShares([3]float64{9, 9, 0.2}, [3]float64{2, 4, 2}, 2)
	assert.InDelta(t, 0.6, got[0], 1e-9)
	assert.InDelta(t, 1.2, got[1], 1e-9)
	assert.InDelta(t, 0.2, got[2], 1e-9)
}

func TestZipfSharesAddUp(t *testing.T) {
	var sum float64
	for i := range 10 {
		sum += load.ZipfShare(i, 10, 1.1)
	}
	assert.InDelta(t, 1, sum, 1e-9)
	assert.InDelta(t, 2.1435469, load.Power(2, 1.1), 1e-6)
	assert.Equal(t, 0.25, load.ZipfShare(2, 4, 0))
}

// idle is a node that serves nobody and stores nothing.
type idle struct{}

func (idle) Serving() bool { return false }
func (idle) Paused() bool  { return false }
func (idle) Stored() int64 { return 0 }

// process runs what a pool has it do.
type process struct{ e *sim.Engine }

func (p process) After(d time.Duration, name string, f func()) sim.Timer {
	return p.e.After(d, name, f)
}

func TestAPoolRefusesWhatItsQueueHasNoRoomFor(t *testing.T) {
	e := sim.NewEngine(sim.Config{Seed: 1})
	t.Cleanup(func() { _ = e.Close() })
	cal := calibration.Default()
	fluid := e.NewFluid()
	f := load.New(e, e.NewNetwork(fluid), &cal, 1)
	f.Place(0, load.Machine{Name: "n1", CPUs: 1, HeapBytes: 1 << 30, Node: idle{}, Disk: fluid.NewDisk("n1", sim.DiskSpec{Capacity: 1 << 30})})
	pools := f.NewPools(0, process{e})
	var done, refused int
	var last *api.Error
	for range 1 + 10_000 + 3 { // a thread, thread_pool.write.queue_size, and three more
		pools.Execute(load.WritePool, load.Task{
			Name: "index", Cost: time.Microsecond,
			Run:     func(time.Duration) { done++ },
			Refused: func(err *api.Error) { refused++; last = err },
		})
	}
	require.Equal(t, 3, refused)
	assert.Equal(t, 429, last.Status)
	assert.Contains(t, last.Reason, "name = n1/write, queue capacity = 10000")
	waiting, rejected := pools.Waiting()
	assert.EqualValues(t, 10_000, waiting)
	assert.EqualValues(t, 3, rejected)
	require.NoError(t, e.Run(sim.Time(time.Minute)))
	assert.Equal(t, 10_001, done)
}
