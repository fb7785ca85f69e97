package sim

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProcessThatAsksOverTheNetworkIsWokenWhenTheAnswerArrives(t *testing.T) {
	e := NewEngine(Config{Seed: 1})
	defer e.Close()
	n := e.NewNetwork(e.NewFluid())
	n.AddEndpoint("a", EndpointSpec{Latency: time.Millisecond})
	n.AddEndpoint("b", EndpointSpec{Latency: time.Millisecond})
	clk := e.Clock("a")
	var took time.Duration
	var askErr error
	clk.Go(context.Background(), "asker", func(ctx context.Context) {
		answered := e.NewEvent()
		n.Send("a", "b", 100, func() { n.Send("b", "a", 100, answered.Set) })
		askErr = answered.WaitFor(ctx, time.Second)
		took = clk.Monotonic()
	})
	require.NoError(t, e.Run(Time(time.Minute)))
	require.NoError(t, askErr)
	assert.Equal(t, 4*time.Millisecond, took)
	assert.Equal(t, Time(time.Minute), e.Now())
}
