package publicapi_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/publicapi"
)

const module = "github.com/shardquake/shardquake/"

var (
	open = []string{module + "kvcluster/...", module + "controller/...", module + "chaos/...", module + "scenarios/scenariotest", module + "scenarios/explore/...", module + "scenarios/planning/plantest", module + "reports/..."}
	all  = []string{module + "..."}
)

func TestAnotherModuleCanNameEveryTypeOfThePublicAPI(t *testing.T) {
	hidden, err := publicapi.Hidden(open, all, nil)
	require.NoError(t, err)
	assert.Empty(t, hidden)
}

func TestAnInternalTypeInASignatureIsFound(t *testing.T) {
	folder, err := filepath.Abs("../../kvcluster/client")
	require.NoError(t, err)
	require.DirExists(t, folder)
	planted := map[string][]byte{filepath.Join(folder, "planted.go"): []byte(`package client

import "github.com/shardquake/shardquake/internal/source"

type Planted struct{ At map[string][]*source.Error }

func (Planted) Told(func(source.Error)) {}
`)}
	hidden, err := publicapi.Hidden([]string{module + "kvcluster/client"}, nil, planted)
	require.NoError(t, err)
	assert.Contains(t, hidden, module+"kvcluster/client.Planted.At needs "+module+"internal/source.Error")
	assert.Contains(t, hidden, module+"kvcluster/client.Planted.Told needs "+module+"internal/source.Error")
	assert.NoFileExists(t, filepath.Join(folder, "planted.go"), os.ErrNotExist)
}
