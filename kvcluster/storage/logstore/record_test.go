package logstore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// FuzzParse holds that no bytes make the parser fail otherwise than by refusing them,
// and that what it accepts is as long as it says.
func FuzzParse(f *testing.F) {
	sample, err := appendRecord(nil, 17, []storage.Op{{Kind: storage.Put, Key: []byte("k"), Value: []byte("v")}, {Kind: complete}})
	require.NoError(f, err)
	f.Add(sample)
	f.Add(sample[:len(sample)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := parse(data)
		if !ok {
			return
		}
		require.LessOrEqual(t, r.size, int64(len(data)))
		again, err := appendRecord(nil, r.durable, r.ops)
		require.NoError(t, err)
		s, ok := parse(again)
		require.True(t, ok)
		s.size = r.size // a varint may have been longer than need be
		require.Equal(t, r, s)
	})
}

func TestARecordThatIsBrokenThoughALaterOneSaysItWasDurableIsCorruption(t *testing.T) {
	one, err := appendRecord(nil, 0, []storage.Op{{Key: []byte("a")}})
	require.NoError(t, err)
	at := int64(len(one))
	torn, err := appendRecord(append([]byte{}, one...), 0, []storage.Op{{Key: []byte("b")}})
	require.NoError(t, err)
	rotten, err := appendRecord(append([]byte{}, one...), at, []storage.Op{{Key: []byte("b")}})
	require.NoError(t, err)
	for _, log := range [][]byte{torn, rotten} {
		log[recordHeader] ^= 0xff
	}
	assert.NoError(t, checkTail("log", torn, 0), "nothing says that the first record was durable")
	assert.ErrorIs(t, checkTail("log", rotten, 0), storage.ErrCorrupt)
}
