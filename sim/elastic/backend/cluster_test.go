package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestThreeNodesFormACluster(t *testing.T) {
	w := newWorld(t, 3)
	st := w.st()
	assert.Len(t, st.Nodes, 3)
	assert.Empty(t, st.Global, "the state is recovered and there is a master")
	for _, n := range w.c.Nodes() {
		assert.Equal(t, st.Master, n.Applied().Master)
		assert.True(t, n.Serving())
	}
}

func TestAnIndexIsAllocatedAndTurnsGreen(t *testing.T) {
	w := newWorld(t, 3)
	w.create("logs", 3, 1)
	took := w.until(time.Minute, "green", w.green)
	assert.Less(t, took, 5*time.Second)
	assert.Equal(t, map[string]int{"n1": 2, "n2": 2, "n3": 2}, w.perNode())
}
