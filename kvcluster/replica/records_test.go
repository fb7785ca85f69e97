package replica

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func TestRecordsOfTheStateComeBackAsTheyWere(t *testing.T) {
	s := span{known: true, start: "a", end: "m", heir: "h", sealed: 7, bias: 1 << 40,
		parts: []part{{shardmap.Part{ID: "p", Start: "m", End: "z"}, 5, 6}}}
	gotSpan, err := decodeSpan(s.encode())
	require.NoError(t, err)
	assert.Equal(t, s, gotSpan)
	l := &intent{id: wire.TxnID{Client: 1, Seq: 2}, anchor: "a", kind: wire.Delete, value: []byte("v")}
	gotIntent, err := decodeIntent(l.encode())
	require.NoError(t, err)
	assert.Equal(t, l, gotIntent)
	for _, d := range []*record{{anchor: "a"}, {anchor: "a", committed: true, keys: []string{"a", "b"}}} {
		got, err := decodeRecord(d.encode())
		require.NoError(t, err)
		assert.Equal(t, d, got)
	}
	i := imported{epoch: 3, after: []byte("k"), done: true}
	gotImported, err := decodeImported(i.encode())
	require.NoError(t, err)
	assert.Equal(t, i, gotImported)
}

// FuzzItems holds that whatever another copy sends is either refused or loaded.
func FuzzItems(f *testing.F) {
	f.Add([]byte("kkey"), []byte{1, 'v'})
	f.Add([]byte("c12345678"), (&session{last: 1, outcomes: []outcome{{1, wire.OK, 2}}}).encode())
	f.Add([]byte("ikey"), (&intent{anchor: "a"}).encode())
	f.Add([]byte("t"), (&record{anchor: "a", committed: true, keys: []string{"k"}}).encode())
	f.Add([]byte("r"), (&span{start: "a", parts: []part{{}}}).encode())
	f.Add([]byte("xs"), imported{epoch: 1}.encode())
	e, err := pebblestore.Open("db", pebblestore.Config{FS: vfs.NewMem()})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, e.Close()) })
	f.Fuzz(func(t *testing.T, key, value []byte) {
		err := checkItems([]wire.Raw{{Key: key, Value: value}})
		if err != nil {
			require.ErrorIs(t, err, storage.ErrCorrupt)
			return
		}
		c, err := New(Config{}, "s", "n", e)
		require.NoError(t, err)
		var b storage.Batch
		b.DeleteRange(c.keys.state, storage.PrefixEnd(c.keys.state))
		b.Put(append(c.keys.of(0), key...), value)
		require.NoError(t, e.Apply(&b))
		require.NoError(t, c.load())
	})
}
