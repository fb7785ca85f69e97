package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos"
)

func TestWhatLiesOnADiskTellsDamageFromRepair(t *testing.T) {
	r := rotten{file: "_0.cfs", size: "1000", digest: "bad"}
	for _, c := range []struct {
		name                   string
		mode                   chaos.DamageMode
		commit, marker, digest string
		damaged, noticed       bool
		files                  string
	}{
		{"as it was left", chaos.BadChecksum, "yes", "no", "bad", true, false, "64 bytes of _0.cfs (1000 bytes) are not those"},
		{"found by the node", chaos.BadChecksum, "yes", "yes", "bad", true, true, "marked as corrupted"},
		{"another file of that name", chaos.BadChecksum, "yes", "no", "good", false, false, "others lie there"},
		{"merged away", chaos.BadChecksum, "yes", "no", "none", false, false, "others lie there"},
		{"the copy is gone", chaos.BadChecksum, "gone", "gone", "gone", false, false, "no copy"},
		{"still without files", chaos.FilesMissing, "no", "no", "none", true, false, "no files"},
		{"with files again", chaos.FilesMissing, "yes", "no", "none", false, false, "others lie there"},
	} {
		got := condition(c.mode, r, c.commit, c.marker, c.digest)
		assert.Equal(t, c.damaged, got.Damaged, c.name)
		assert.Equal(t, c.noticed, got.Noticed, c.name)
		assert.Contains(t, got.Files, c.files, c.name)
	}
}

func TestSilentDamageIsRefusedOnRealNodesAndTheOthersAreNot(t *testing.T) {
	target := targetOf(&Cluster{}, nil)
	topology := chaos.Topology{Nodes: []string{"n1", "n2"}, Indices: []chaos.IndexShape{{Name: "logs", Shards: 1, Replicas: 1}}}
	err := chaos.Supports(&chaos.Corruption{Index: "logs", Mode: "silent"}, target, topology)
	assert.ErrorIs(t, err, chaos.ErrUnsupported)
	assert.ErrorContains(t, err, "no bug at hand")
	for _, mode := range []string{"", "checksum", "missing"} {
		assert.NoError(t, chaos.Supports(&chaos.Corruption{Index: "logs", Mode: mode}, target, topology), mode)
	}
}

func TestPlacesForSnapshotsAreReadFromTheSettings(t *testing.T) {
	for text, want := range map[string][]string{"": {}, "/backup": {"/backup"}, `["/a", "/b"]`: {"/a", "/b"}, "/a,/b": {"/a", "/b"}} {
		c := Cluster{opt: Options{ClusterSettings: map[string]string{repoSetting: text}}}
		assert.Equal(t, want, append([]string{}, c.repoPaths()...), text)
	}
}
