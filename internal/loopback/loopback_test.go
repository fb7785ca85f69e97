package loopback_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/loopback"
)

func TestAddressesAreHeldUntilTheyAreReleased(t *testing.T) {
	host, err := loopback.Host()
	require.NoError(t, err)
	assert.True(t, net.ParseIP(host).IsLoopback(), host)
	addresses, release, err := loopback.Addresses(host, 20)
	require.NoError(t, err)
	seen := make(map[string]bool)
	for _, a := range addresses {
		assert.False(t, seen[a], "%s twice", a)
		seen[a] = true
		_, err := net.Listen("tcp", a)
		assert.Error(t, err, "it is held")
	}
	release()
	l, err := net.Listen("tcp", addresses[0])
	require.NoError(t, err)
	require.NoError(t, l.Close())
}
