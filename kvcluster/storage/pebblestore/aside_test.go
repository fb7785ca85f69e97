package pebblestore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
)

func TestADatabaseThatLostSomethingIsSetAsideAndNotThrownAway(t *testing.T) {
	now, _ := synced(t, 100, 4<<10)
	for name := range now {
		if filepath.Ext(name) == ".log" {
			now[name] = nil
		}
	}
	dir := filepath.Join(t.TempDir(), "db")
	now.write(t, dir)
	s, lost, err := pebblestore.OpenOrSetAside(dir, pebblestore.Config{})
	require.NoError(t, err)
	assert.Contains(t, lost, dir+"-lost-1: ")
	assert.Contains(t, lost, "batch 99 had been synced")
	_, found, err := s.Get([]byte("key0000"))
	require.NoError(t, err)
	assert.False(t, found, "the one in its place is empty")
	require.NoError(t, s.Close())

	for name := range now {
		assert.FileExists(t, filepath.Join(dir+"-lost-1", name))
	}
	s, again, err := pebblestore.OpenOrSetAside(dir, pebblestore.Config{})
	require.NoError(t, err)
	assert.Equal(t, lost, again, "it is said while the folder is there")
	require.NoError(t, s.Close())

	aside, err := pebblestore.SetAside(dir, storage.ErrLost)
	require.NoError(t, err)
	assert.Equal(t, dir+"-lost-2", aside)
	assert.Contains(t, pebblestore.Lost(dir), aside)
}
