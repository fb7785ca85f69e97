package sim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// town is a small model that uses everything: nodes that ask each other, hold a
// mutex, move bytes and are cut off now and then.
func town(cfg Config, nodes int, tap func(EventRecord)) *Engine {
	e := NewEngine(cfg)
	if tap != nil {
		e.OnEvent(tap)
	}
	n := e.NewNetwork(e.NewFluid())
	names := make([]string, nodes)
	for i := range nodes {
		names[i] = fmt.Sprintf("n%d", i+1)
		n.AddEndpoint(names[i], EndpointSpec{Bandwidth: 1e6, Latency: 100 * time.Microsecond})
	}
	for i, name := range names {
		clk := e.Clock(name)
		peer := names[(i+1)%nodes]
		m := clk.NewMutex()
		for w := range 3 {
			clk.Go(context.Background(), fmt.Sprintf("%s/worker%d", name, w), func(ctx context.Context) {
				for clk.Sleep(ctx, time.Duration(clk.Rand("think").Int64N(1e9))) == nil {
					if m.Lock(ctx) != nil {
						return
					}
					answered := e.NewEvent()
					n.Send(name, peer, 500, func() { n.Send(peer, name, 500, answered.Set) })
					if answered.WaitFor(ctx, time.Second) != nil {
						e.Note("timeout", name, uint64(w))
					}
					n.Flow(name, peer, clk.Rand("size").Int64N(1e6), nil, 0, func(err error) {
						e.Note("moved", name, uint64(len(fmt.Sprint(err))))
					})
					m.Unlock()
				}
			})
		}
	}
	for i := range 5 {
		e.After(time.Duration(2*i+1)*time.Second, "cut", func() { n.Cut("n1", "n2", CutMode(1+i%2)) })
		e.After(time.Duration(2*i+2)*time.Second, "mend", func() { n.Mend("n1", "n2") })
	}
	e.After(11*time.Second, "kill", e.Clock("n2").Kill)
	return e
}

func TestTheSameSeedGivesTheSameTraceAndAnotherSeedAnother(t *testing.T) {
	hashes := map[uint64]bool{}
	for _, seed := range []uint64{1, 1, 1, 2} {
		e := town(Config{Seed: seed}, 4, nil)
		require.NoError(t, e.Run(Time(15*time.Second)))
		hashes[e.TraceHash()] = true
		assert.Greater(t, e.Events(), uint64(1000))
		require.NoError(t, e.Close())
	}
	assert.Len(t, hashes, 2)
}

func TestATapDoesNotChangeTheTraceAndItsLastHashIsTheTraces(t *testing.T) {
	plain := town(Config{Seed: 7}, 3, nil)
	require.NoError(t, plain.Run(Time(15*time.Second)))
	var last EventRecord
	entities := map[string]bool{}
	tapped := town(Config{Seed: 7}, 3, func(r EventRecord) {
		assert.Equal(t, last.Index+1, r.Index)
		assert.GreaterOrEqual(t, r.Time, last.Time)
		last = r
		entities[r.Type+" "+r.Entity] = true
	})
	require.NoError(t, tapped.Run(Time(15*time.Second)))
	assert.Equal(t, plain.TraceHash(), tapped.TraceHash())
	for _, want := range []string{"process.wake n1/worker0", "process.alarm n3/worker2", "call kill",
		"net.deliver n1>n2", "fluid.done n2>n3", "note:moved n1"} {
		assert.Contains(t, entities, want)
	}
	require.NoError(t, plain.Close())
	require.NoError(t, tapped.Close())
}

func TestTheTapNamesTheFirstEventThatDiffers(t *testing.T) {
	record := func(spoil bool) []EventRecord {
		var records []EventRecord
		e := town(Config{Seed: 3}, 3, func(r EventRecord) { records = append(records, r) })
		e.After(5*time.Second, "observe", func() {
			v := uint64(1)
			if spoil {
				v = 2
			}
			e.Note("observed", "shard-4", v)
		})
		require.NoError(t, e.Run(Time(8*time.Second)))
		require.NoError(t, e.Close())
		return records
	}
	a, b := record(false), record(true)
	first := 0
	for a[first].Hash == b[first].Hash {
		first++
	}
	assert.Equal(t, "note:observed", a[first].Type)
	assert.Equal(t, "shard-4", a[first].Entity)
	assert.Equal(t, []uint64{1}, a[first].Payload)
	assert.Equal(t, Time(5*time.Second), a[first].Time)
	assert.NotEqual(t, a[len(a)-1].Hash, b[len(b)-1].Hash, "a difference never heals")
}

func TestTheTraceHashSeesTimeTypeEntityAndPayload(t *testing.T) {
	hash := func(f func(e *Engine)) uint64 {
		e := NewEngine(Config{})
		k := e.Register("k", func(uint32) {})
		e.Register("other", func(uint32) {})
		e.Post(time.Second, k, 1)
		f(e)
		require.NoError(t, e.Run(Never))
		return e.TraceHash()
	}
	const k = Kind(4) // after the engine's own
	seen := map[uint64]int{}
	for i, f := range []func(e *Engine){
		func(*Engine) {},
		func(e *Engine) { e.Post(time.Second, k, 1) },
		func(e *Engine) { e.Post(time.Second, k, 2) },
		func(e *Engine) { e.Post(time.Second+1, k, 1) },
		func(e *Engine) { e.Post(time.Second, k+1, 1) },
		func(e *Engine) { e.After(time.Second, "a", func() {}) },
		func(e *Engine) { e.After(time.Second, "b", func() {}) },
		func(e *Engine) { e.Note("a", "b") },
		func(e *Engine) { e.Note("b", "a") },
		func(e *Engine) { e.Note("a", "b", 0) },
		func(e *Engine) { e.Note("a", "b", 1) },
		func(e *Engine) { e.Note("a", "b", 0, 0) },
	} {
		h := hash(f)
		if j, ok := seen[h]; ok {
			t.Errorf("cases %d and %d have the same hash", j, i)
		}
		seen[h] = i
		assert.Equal(t, h, hash(f))
	}
}

func TestStreamsDependOnNothingButSeedPurposeAndEntity(t *testing.T) {
	draw := func(e *Engine, purpose, entity string) [4]uint64 {
		r := e.Stream(purpose, entity)
		return [4]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
	}
	alone := NewEngine(Config{Seed: 9})
	want := draw(alone, "jitter", "n2")

	crowd := NewEngine(Config{Seed: 9})
	seen := map[[4]uint64]string{}
	for _, purpose := range []string{"jitter", "sizes", "n2", ""} {
		for _, entity := range []string{"n1", "n3", "jitter", ""} {
			d := draw(crowd, purpose, entity)
			assert.Empty(t, seen[d], "two streams are equal")
			seen[d] = purpose + "/" + entity
		}
	}
	assert.Equal(t, want, draw(crowd, "jitter", "n2"), "others that drew before don't shift it")
	assert.NotEqual(t, want, draw(NewEngine(Config{Seed: 10}), "jitter", "n2"))
	assert.Same(t, crowd.Stream("jitter", "n2"), crowd.Clock("n2").Rand("jitter"))
}
