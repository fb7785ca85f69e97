package clusterfile_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// small is a cluster of two nodes and one index.
func small() *clusterfile.Cluster {
	return &clusterfile.Cluster{
		Schema: clusterfile.Schema, System: clusterfile.Elasticsearch, Name: "c",
		Nodes: []clusterfile.Node{{Name: "a", Roles: []string{"data"}, Disk: clusterfile.Disk{Total: clusterfile.Seen(10), Available: clusterfile.Guessed(4)}}, {Name: "b"}},
		Indices: []clusterfile.Index{{Name: "i", ShardCount: 1, Replicas: 1, Shards: []clusterfile.Shard{{Copies: []clusterfile.Copy{
			{Primary: true, State: clusterfile.Started, Node: "a", Bytes: clusterfile.Seen(3), Docs: clusterfile.Computed(1), Writes: clusterfile.Float{V: 1.5, Tag: clusterfile.Derived}},
			{State: clusterfile.NoNode},
		}}}}},
	}
}

func TestAClusterIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.cluster.json.gz")
	require.NoError(t, small().Save(path))
	f, err := clusterfile.Load(path)
	require.NoError(t, err)
	assert.Equal(t, small(), f.Cluster)
	assert.Len(t, f.SHA256, 64)
	var first, second bytes.Buffer
	require.NoError(t, small().Write(&first))
	require.NoError(t, f.Write(&second))
	assert.Equal(t, first.Bytes(), second.Bytes(), "the same cluster gives the same bytes")
}

func TestEveryNumberTellsWhereItComesFrom(t *testing.T) {
	for text, want := range map[string]clusterfile.Number{
		"5": clusterfile.Seen(5), `[5,"derived"]`: clusterfile.Computed(5), `[5,"assumed"]`: clusterfile.Guessed(5), "null": {},
	} {
		var n clusterfile.Number
		require.NoError(t, json.Unmarshal([]byte(text), &n), text)
		assert.Equal(t, want, n)
		back, err := json.Marshal(n)
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
	for _, text := range []string{`[5,"sure"]`, `[5]`, `"5"`, `5.5`, `[null]`, `[5,"derived",1]`} {
		var n clusterfile.Number
		assert.Error(t, json.Unmarshal([]byte(text), &n), text)
	}
}

func TestWhatCantBeTrueOfAClusterIsRefused(t *testing.T) {
	for says, spoil := range map[string]func(*clusterfile.Cluster){
		`there are two nodes "a"`:       func(c *clusterfile.Cluster) { c.Nodes[1].Name = "a" },
		`[i][0]: a copy is on node "z"`: func(c *clusterfile.Cluster) { c.Indices[0].Shards[0].Copies[0].Node = "z" },
		`[i][0]: 0 primaries`:           func(c *clusterfile.Cluster) { c.Indices[0].Shards[0].Copies[0].Primary = false },
		`[i][0]: node a holds two copies`: func(c *clusterfile.Cluster) {
			c.Indices[0].Shards[0].Copies[1] = clusterfile.Copy{State: clusterfile.Started, Node: "a"}
		},
		`2 shards are described`: func(c *clusterfile.Cluster) {
			c.Indices[0].Shards = append(c.Indices[0].Shards, c.Indices[0].Shards[0])
		},
		`node a: 40 bytes of 10`:                 func(c *clusterfile.Cluster) { c.Nodes[0].Disk.Available = clusterfile.Seen(40) },
		`the master "z" is none of the nodes`:    func(c *clusterfile.Cluster) { c.Coordination.Master = "z" },
		`system "redis"; expected elasticsearch`: func(c *clusterfile.Cluster) { c.System = "redis" },
	} {
		c := small()
		spoil(c)
		assert.ErrorContains(t, c.Check(), says)
	}
}

func TestOtherFilesAndOtherSchemasAreRefused(t *testing.T) {
	pack := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return b.Bytes()
	}
	for text, says := range map[string]string{
		`{"schema": 7, "shape": "round"}`: "follows schema 7 of cluster files; expected 1",
		`{"hello": 1}`:                    `there is no "schema" in it`,
		`{"schema": 1`:                    "unexpected EOF",
	} {
		_, err := clusterfile.Read(pack(text))
		assert.ErrorContains(t, err, says, text)
	}
	_, err := clusterfile.Read([]byte("PK\x03\x04"))
	assert.ErrorContains(t, err, "expected gzipped JSON")
	_, err = clusterfile.Load(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	require.NoError(f, small().Write(&b))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := clusterfile.Read(data)
		if err == nil {
			assert.NoError(t, file.Check(), "what was read holds together")
		}
	})
}

func TestClusterFilesOfEarlierVersionsStillLoad(t *testing.T) {
	f, err := clusterfile.Load("testdata/formats/1.cluster.json.gz")
	require.NoError(t, err)
	assert.Equal(t, small(), f.Cluster)
}
