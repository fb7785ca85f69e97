package kvproc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAMachineThatStandsStillIsNoticed(t *testing.T) {
	c, err := watchMachine(t.Context(), t.TempDir())
	require.NoError(t, err)
	c.close() // from here on only what the test says
	before, _ := c.stalled()
	c.took(stall - time.Millisecond)
	total, _ := c.stalled()
	assert.Equal(t, before, total, "that is a busy machine, not one that stands still")
	c.took(1500 * time.Millisecond)
	c.took(2500 * time.Millisecond)
	total, worst := c.stalled()
	assert.Equal(t, before+4*time.Second, total)
	assert.GreaterOrEqual(t, worst, 2500*time.Millisecond)
	assert.Contains(t, c.note(), "this machine stood still for ")
	quiet := &canary{}
	assert.Empty(t, quiet.note())
}
