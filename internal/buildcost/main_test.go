package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCostsAreSummedByModuleTheDearestFirst(t *testing.T) {
	got, err := parse([]byte(`[{"Package":"net/http","CmdUser":1000000000},{"Package":"github.com/a/b/c/d","CmdUser":2000000000},
		{"Package":"github.com/a/b/e","CmdUser":1000000000},{"Package":"github.com/shardquake/shardquake/sim"}]`))
	require.NoError(t, err)
	assert.Equal(t, []cost{
		{"github.com/a/b", 3 * time.Second, 0.75}, {"standard library", time.Second, 0.25}, {"github.com/shardquake/shardquake", 0, 0},
	}, got)
	_, err = parse([]byte(`{`))
	assert.ErrorContains(t, err, "action graph")
}

// The generated clients of go-elasticsearch took half of a first build, for calls that the
// controller doesn't make. Tests use them.
func TestTheCommandDoesNotLinkTheGeneratedClients(t *testing.T) {
	deps, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../cmd/shardquake").Output()
	require.NoError(t, err)
	assert.Contains(t, string(deps), "elastic-transport-go/v8/elastictransport")
	for _, dep := range strings.Fields(string(deps)) {
		assert.NotContains(t, dep, "go-elasticsearch/v8/typedapi")
		assert.NotContains(t, dep, "go-elasticsearch/v8/esapi")
	}
}
