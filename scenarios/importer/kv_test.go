package importer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/importer"
)

// kvStatus is what `kv status --json` prints of a store of four nodes, one of which is down.
func kvStatus(t *testing.T) string {
	t.Helper()
	state := &wire.ClusterState{
		Cluster: 0xabc, Revision: 7, Leader: "n1",
		Members: []wire.Member{{ID: "n1", Name: "n1", Zone: "a"}, {ID: "n2~2", Name: "n2", Zone: "b"}, {ID: "n3", Name: "n3", Zone: "c", Down: true}, {ID: "n2", Name: "n2", State: wire.Removed}, {ID: "n4", Name: "n4", Zone: "a"}},
		Shards:  []shardmap.Shard{{ID: "s1", End: "m", Replicas: []shardmap.NodeID{"n1", "n2~2", "n4"}, Primary: "n1"}, {ID: "s2", Start: "m", Replicas: []shardmap.NodeID{"n1", "n2~2", "n4"}, Primary: "n4"}},
		Settings: wire.Settings{
			Replicas: 3, ReadLevel: wire.Quorum, WriteLevel: wire.Quorum, Voters: 3, Heartbeat: 2 * time.Second, FailureThreshold: 4, RecoveryThreshold: 2, ReplaceAfter: 40 * time.Second, ManualFailover: true, ManualBalance: true,
		},
	}
	text, err := json.Marshal(map[string]any{"State": state, "Known": true, "Health": []wire.NodeHealth{
		{Node: "n1", Copies: []wire.CopyReport{{Shard: "s1", Acting: true, Measured: true, Bytes: 3 << 20, QPS: 120}}},
		{Node: "n4", Copies: []wire.CopyReport{{Shard: "s2", Acting: true, Measured: true, Bytes: 1 << 20, QPS: 80}, {Shard: "s1", Measured: true, Bytes: 99}}},
	}, "Failover": "normal"})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "status.json")
	require.NoError(t, os.WriteFile(path, text, 0o644))
	return path
}

func TestAStatusOfAKeyValueStoreBecomesAScenario(t *testing.T) {
	k, is, err := importer.ReadKV(kvStatus(t))
	require.NoError(t, err)
	require.True(t, is)
	text := string(k.Draft("my store"))
	sc, err := scenarios.Parse("store.yaml", []byte(text), catalog.Vocabulary())
	require.NoError(t, err, text)
	assert.Equal(t, "my-store", sc.Name)
	var names, zones []string
	for _, n := range sc.NodeSpecs() {
		names, zones = append(names, n.Name), append(zones, n.Attributes["zone"])
	}
	assert.Equal(t, []string{"n1", "n2", "n3", "n4"}, names, "by machine, without the one that is gone")
	assert.Equal(t, []string{"a", "b", "c", "a"}, zones)
	kv := sc.Cluster.KV
	assert.Equal(t, []any{2, 3, "quorum", "quorum", 3, 2 * time.Second, 4, 2, 40 * time.Second, false}, []any{
		kv.Shards, kv.Replication, kv.ReadLevel, kv.WriteLevel, kv.Voters, kv.Heartbeat.D(), kv.FailureThreshold, kv.RecoveryThreshold, kv.ReplaceAfter.D(), kv.Balance,
	})
	assert.EqualValues(t, 4<<20, int64(kv.Items)*int64(kv.Value), "as many bytes as the primaries have, and nobody's twice")
	for _, said := range []string{"n3 is down", "failover is manual", "4096 keys of 1kb", "200 in a second were measured"} {
		assert.Contains(t, text, said)
	}
	// What stands behind hash signs is right, too.
	bold := regexp.MustCompile(`(?m)^( *)# ( *- \{|faults:)`).ReplaceAllString(text, "$1$2")
	_, err = scenarios.Parse("store.yaml", []byte(bold), catalog.Vocabulary())
	require.NoError(t, err, bold)
	assert.Contains(t, bold, "\nfaults:")
}

func TestWhatIsNoStatusOfAStoreIsLeftToOthers(t *testing.T) {
	for text, wrong := range map[string]string{
		`{"cluster_name": "x"}`: "", `{"State": {"Members": [], "Shards": []}}`: "without nodes or shards", `{"State": {"Members": [{"ID": 7}], "Shards": []}}`: "can't be read", `no`: "", `[1]`: "",
	} {
		path := filepath.Join(t.TempDir(), "x.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, is, err := importer.ReadKV(path)
		assert.Equal(t, wrong != "", is, text)
		if wrong != "" {
			require.ErrorIs(t, err, importer.ErrSource)
			assert.True(t, strings.Contains(err.Error(), wrong), "%v", err)
		} else {
			require.NoError(t, err)
		}
	}
	_, is, err := importer.ReadKV(t.TempDir())
	require.NoError(t, err)
	assert.False(t, is, "a folder")
}
