package main

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestManyRunsLeaveTheCollectorAsItWasSet(t *testing.T) {
	before := floor
	t.Cleanup(func() { floor = before })
	for _, set := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(set, func(t *testing.T) {
			floor = nil
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(set, "100")
			manyRuns()
			assert.Empty(t, floor)
		})
	}
}

func TestManyRunsAreNotCollectedEveryFewMegabytes(t *testing.T) {
	before := floor
	t.Cleanup(func() { floor = before })
	floor = nil
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	manyRuns()
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	assert.Greater(t, now.NextGC, uint64(2*heapFloor), "the floor counts as in use")
}
