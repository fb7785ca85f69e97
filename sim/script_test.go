package sim_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
)

// A world that is interrupted before the run's first event cancels the run all the same:
// the process of main has no context yet by then.
func TestAScriptInterruptedBeforeItsFirstEventIsCancelled(t *testing.T) {
	e := sim.NewEngine(sim.Config{Seed: 1})
	script := sim.Script{Engine: e, Clock: e.Clock("main"), Broken: func() error { return nil }}
	world, interrupt := context.WithCancel(t.Context())
	interrupt()
	e.Interrupt() // what the cancelled world does, here for certain before the first event

	var seen, cleanup error
	err := script.Run(world, func(run, after context.Context) error {
		seen, cleanup = run.Err(), after.Err()
		return run.Err()
	})

	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, seen, context.Canceled)
	assert.NoError(t, cleanup, "what cleans up must still be able to")
}
