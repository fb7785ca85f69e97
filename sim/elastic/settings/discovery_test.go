package settings

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDiscoverySettingsAgreeWithWhatANodeRegisters(t *testing.T) {
	for _, d := range []Definition{
		InitialMasterNodes, SeedHosts, DiscoveryType, FindPeersInterval, RequestPeersTimeout, ProbeConnectTimeout,
		UnconfiguredBootstrapWait, ElectionInitialTimeout, ElectionBackOffTime, ElectionMaxTimeout, ElectionDuration,
		FollowerCheckInterval, FollowerCheckTimeout, FollowerCheckRetryCount,
		LeaderCheckInterval, LeaderCheckTimeout, LeaderCheckRetryCount,
		FollowerLagTimeout, PublishTimeout, PublishInfoTimeout, NodesReconnectInterval,
		ExpectedDataNodes, RecoverAfterDataNodes, RecoverAfterTime, AutoShrinkVotingConfiguration, NoMasterBlock,
	} {
		var entry *Entry
		for i := range ClusterRegistry().entries {
			if e := &ClusterRegistry().entries[i]; e.Key == d.Key() {
				entry = e
			}
		}
		require.NotNil(t, entry, d.Key())
		assert.Equal(t, entry.Dynamic(), d.Scope()&Dynamic != 0, d.Key())
		own, theirs := d.DefaultText(Settings{}), entry.Default
		if entry.Type == "time" {
			a, err := ParseTime(d.Key(), own)
			require.NoError(t, err)
			b, err := ParseTime(d.Key(), theirs)
			require.NoError(t, err)
			assert.Equal(t, b, a, d.Key())
			if entry.min != "" && entry.min != "0ms" {
				assert.Error(t, d.Check("0ms"), d.Key())
				assert.NoError(t, d.Check(entry.min), d.Key())
			}
			if entry.max != "" {
				assert.NoError(t, d.Check(entry.max), d.Key())
				assert.Error(t, d.Check("100d"), d.Key())
			}
			continue
		}
		assert.Equal(t, theirs, own, d.Key())
		assert.NoError(t, d.Check(own), d.Key())
	}
	assert.EqualError(t, NoMasterBlock.Check("none"), "invalid no-master block [none], must be one of [all, write, metadata_write]")
}
