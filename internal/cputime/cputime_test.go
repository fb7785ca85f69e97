package cputime

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestComputingUsesTime(t *testing.T) {
	before, x := Used(), uint64(1)
	for i := range 50_000_000 {
		x = x*6364136223846793005 + uint64(i)
	}
	assert.Greater(t, Used(), before, "%d", x)
}
