package queueing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/queueing"
)

func TestExponentialAndLogarithmAgreeWithTheStandardLibrarys(t *testing.T) {
	for x := 1e-9; x < 600; x = x*1.37 + 1e-9 {
		assert.InEpsilon(t, math.Exp(-x), queueing.Exp(x), 1e-13, "e^-%g", x)
		assert.InDelta(t, math.Log(x), queueing.Log(x), 1e-13, "ln %g", x)
	}
	assert.Equal(t, 1.0, queueing.Exp(0))
	assert.Zero(t, queueing.Exp(1000))
}

// The values are those of published tables of Erlang's C formula, for servers and load in erlang.
func TestErlangsCFormulaGivesTheValuesOfTheTables(t *testing.T) {
	for _, v := range []struct {
		servers int
		load, c float64
	}{
		{1, 0.5, 0.5}, {1, 0.9, 0.9}, {2, 1, 1. / 3}, {2, 1.5, 0.642857}, {3, 2, 0.444444}, {4, 2, 0.173913}, {5, 4, 0.554113}, {10, 8, 0.409180}, {14, 10, 0.174132},
	} {
		assert.InDelta(t, v.c, queueing.ErlangC(v.servers, v.load), 1e-6, "C(%d, %g)", v.servers, v.load)
	}
}

func TestOneProcessorIsTheTextbooksQueue(t *testing.T) {
	q, ok := queueing.New(1, queueing.Class{Rate: 80, Service: 0.01})
	require.True(t, ok)
	assert.InDelta(t, 0.04, q.MeanWait(), 1e-12, "ρ/(μ-λ)")
	assert.InDelta(t, 3.2, q.Waiting(80), 1e-9, "ρ²/(1-ρ)")
	for _, p := range []float64{0.5, 0.9, 0.99} {
		assert.InDelta(t, -math.Log(1-p)/20, q.Percentile(p, queueing.Class{Rate: 80, Service: 0.01}), 1e-6, "the time in an M/M/1 is exponential with rate μ-λ")
	}
	_, ok = queueing.New(1, queueing.Class{Rate: 100, Service: 0.01})
	assert.False(t, ok, "at its capacity a queue has no steady state")
}

func TestTwoClassesOnOneProcessorWaitAsPollaczekAndKhinchineSay(t *testing.T) {
	a, b := queueing.Class{Rate: 50, Service: 0.004}, queueing.Class{Rate: 20, Service: 0.02}
	q, ok := queueing.New(1, a, b)
	require.True(t, ok)
	second := 50*2*0.004*0.004 + 20*2*0.02*0.02 // λE[S²]
	assert.InDelta(t, second/(2*(1-0.6)), q.MeanWait(), 1e-12)
}

// clinic is an M/M/c queue played event by event.
type clinic struct {
	e       *sim.Engine
	r       *rand.Rand
	queue   []sim.Time
	free    int
	rate    float64
	service float64
	left    int
	times   []float64
	waited  int
	area    float64 // of the queue's length over time
	last    sim.Time
}

func (c *clinic) exponential(mean float64) time.Duration {
	return time.Duration(float64(-queueing.Log(1-c.r.Float64())*mean) * 1e9)
}

func (c *clinic) count() {
	c.area += float64(len(c.queue)) * c.e.Now().Sub(c.last).Seconds()
	c.last = c.e.Now()
}

func (c *clinic) arrive() {
	if c.left--; c.left > 0 {
		c.e.After(c.exponential(1/c.rate), "arrive", c.arrive)
	}
	c.count()
	if c.free == 0 {
		c.waited++
		c.queue = append(c.queue, c.e.Now())
		return
	}
	c.free--
	c.serve(c.e.Now())
}

func (c *clinic) serve(came sim.Time) {
	c.e.After(c.exponential(c.service), "done", func() {
		c.times = append(c.times, c.e.Now().Sub(came).Seconds())
		c.count()
		if len(c.queue) == 0 {
			c.free++
			return
		}
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.serve(next)
	})
}

func TestTheFormulasAgreeWithAQueuePlayedEventByEvent(t *testing.T) {
	for _, v := range []struct {
		servers int
		rho     float64
	}{{1, 0.5}, {2, 0.8}, {4, 0.7}, {8, 0.9}} {
		t.Run(fmt.Sprintf("c=%d,rho=%g", v.servers, v.rho), func(t *testing.T) {
			e := sim.NewEngine(sim.Config{Seed: 7})
			t.Cleanup(func() { _ = e.Close() })
			const n, service = 200_000, 0.002
			rate := v.rho * float64(v.servers) / service
			c := &clinic{e: e, r: e.Stream("test.clinic", ""), free: v.servers, rate: rate, service: service, left: n}
			e.After(0, "arrive", c.arrive)
			require.NoError(t, e.Run(sim.Time(time.Hour)))
			require.Len(t, c.times, n)

			kind := queueing.Class{Rate: rate, Service: service}
			q, ok := queueing.New(v.servers, kind)
			require.True(t, ok)
			assert.InEpsilon(t, q.Waits, float64(c.waited)/n, 0.03, "the part that waits")
			assert.InEpsilon(t, q.Waiting(rate), c.area/c.last.Sub(0).Seconds(), 0.08, "the mean length of the queue, by Little's law")
			slices.Sort(c.times)
			for _, p := range []float64{0.5, 0.9, 0.99} {
				assert.InEpsilon(t, c.times[int(p*n)], q.Percentile(p, kind), 0.04+p/25, "p%g", 100*p)
			}
		})
	}
}

func TestDrawnWaitsHaveTheQueuesMean(t *testing.T) {
	q, ok := queueing.New(2, queueing.Class{Rate: 800, Service: 0.002})
	require.True(t, ok)
	sum := 0.0
	const n = 100_000
	for i := range n {
		sum += q.WaitOf((float64(i) + 0.5) / n)
	}
	assert.InEpsilon(t, q.MeanWait(), sum/n, 1e-3)
}
