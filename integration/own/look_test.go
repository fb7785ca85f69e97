package own

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
)

// daemon puts a docker in front of the real one, which answers every question alike.
func daemon(t *testing.T, script string) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "docker"), []byte("#!/bin/sh\n"+script), 0o700))
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

// A container of a Compose file is found by the others by its service's name. Disconnected and
// connected again it would have it no more.
func TestAContainerThatIsConnectedAgainHasItsNamesAgain(t *testing.T) {
	daemon(t, "printf '%s\\n' 6312ef717db5aaaa 'bridge' 'ownnet search search-1 6312ef717db5'")
	c := read(t, staging)
	require.NoError(t, c.Look(t.Context()))
	_, lines, err := rehearse(t, c, &chaos.Partition{Between: []chaos.Selector{"es-1"}, And: []chaos.Selector{"rest"}, For: units.Duration(time.Minute)})
	require.NoError(t, err)
	require.Len(t, lines, 2)
	assert.Contains(t, lines[1], "docker network connect --alias search --alias search-1 ownnet own-es-1")
}

func TestANetworkThatTheContainerIsNotInIsRefusedBeforeAnythingIsDone(t *testing.T) {
	daemon(t, "printf '%s\\n' 6312ef717db5aaaa 'staging_default search'")
	err := read(t, staging).Look(t.Context())
	require.ErrorIs(t, err, ErrConfig)
	assert.ErrorContains(t, err, "node es-1: ")
	assert.ErrorContains(t, err, "is not in network ownnet, but in staging_default")
}

func TestADaemonThatDoesNotAnswerIsToldAsItSaysIt(t *testing.T) {
	daemon(t, "echo 'Error: No such object: own-es-1' >&2; exit 1")
	err := read(t, staging).Look(t.Context())
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrConfig)
	assert.ErrorContains(t, err, "No such object: own-es-1")
}
