package tail_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/tail"
)

// slots keeps what was behind, as slots that are overwritten do.
type slots struct {
	data [2][]byte
	slot int
	at   int
}

func (s *slots) Read(slot int) ([]byte, error) { return s.data[slot], nil }

func (s *slots) Begin(slot int) error {
	s.slot, s.at = slot, 0
	return nil
}

func (s *slots) Append(p []byte) error {
	d := s.data[s.slot]
	d = append(d[:s.at:s.at], append(p, d[min(len(d), s.at+len(p)):]...)...)
	s.data[s.slot], s.at = d, s.at+len(p)
	return nil
}

func put(i uint64) []storage.Op {
	return []storage.Op{{Kind: storage.Put, Key: fmt.Appendf(nil, "k%d", i), Value: []byte("v")}}
}

// write appends batches, each of which is durable before the next one.
func write(t *testing.T, w *tail.Tail, from, to uint64) {
	for i := from; i <= to; i++ {
		require.NoError(t, w.Append(i, i-1, put(i)))
	}
}

func begin(t *testing.T, s *slots, at tail.Position, size int64) *tail.Tail {
	found, err := tail.Recover(s, at)
	require.NoError(t, err)
	w, err := tail.Begin(s, found, size)
	require.NoError(t, err)
	return w
}

func TestWhatTheLogLacksIsGivenBackInOrder(t *testing.T) {
	s := &slots{}
	write(t, begin(t, s, tail.Position{}, 100), 1, 10)
	found, err := tail.Recover(s, tail.Position{Number: 7, Generation: 1})
	require.NoError(t, err)
	assert.Equal(t, [][]storage.Op{put(8), put(9), put(10)}, found.Batches)
}

func TestWhatNeitherHasThoughItWasDurableIsLost(t *testing.T) {
	s := &slots{}
	write(t, begin(t, s, tail.Position{}, 100), 1, 20)
	_, err := tail.Recover(s, tail.Position{Number: 3, Generation: 1})
	require.ErrorIs(t, err, storage.ErrLost)
	assert.ErrorIs(t, err, storage.ErrCorrupt, "it is damage")
	assert.ErrorContains(t, err, "batch 19 had been synced, only 3 of 19 can be read")
}

func TestATornEndIsNoLoss(t *testing.T) {
	s := &slots{}
	write(t, begin(t, s, tail.Position{}, 1<<10), 1, 5)
	s.data[0] = s.data[0][:len(s.data[0])-3] // of batch 5, which nothing says was durable
	found, err := tail.Recover(s, tail.Position{Number: 4, Generation: 1})
	require.NoError(t, err)
	assert.Empty(t, found.Batches)
	assert.EqualValues(t, 3, found.Durable, "as batch 4 says")
}

func TestWhatWasLostInACrashDoesNotComeBackBehindWhatWasWrittenInstead(t *testing.T) {
	s := &slots{}
	write(t, begin(t, s, tail.Position{}, 1<<10), 1, 5)
	// Batches 4 and 5 were torn: opened at 3, batch 4 is written anew over the same slot.
	found := tail.Found{Generation: 1, Older: 0}
	w, err := tail.Begin(s, found, 1<<10)
	require.NoError(t, err)
	require.NoError(t, w.Append(4, 3, put(44)))
	got, err := tail.Recover(s, tail.Position{Number: 3, Generation: 1})
	require.NoError(t, err)
	assert.Equal(t, [][]storage.Op{put(44)}, got.Batches, "and not the old batch 5")
}

func TestAFullDiskLeavesTheTailAsItWas(t *testing.T) {
	s := &failing{slots: &slots{}}
	w, err := tail.Begin(s, tail.Found{}, 1<<10)
	require.NoError(t, err)
	require.NoError(t, w.Append(1, 0, put(1)))
	s.full = true
	require.ErrorIs(t, w.Append(2, 1, put(2)), storage.ErrFull)
	s.full = false
	require.NoError(t, w.Append(2, 1, put(3)))
	found, err := tail.Recover(s, tail.Position{})
	require.NoError(t, err)
	assert.Equal(t, [][]storage.Op{put(1), put(3)}, found.Batches)
}

type failing struct {
	*slots
	full bool
}

func (f *failing) Append(p []byte) error {
	if f.full {
		return errors.Join(storage.ErrFull)
	}
	return f.slots.Append(p)
}

// FuzzParse holds that no bytes make the parser fail otherwise than by refusing them, and
// that what it accepts is as long as it says.
func FuzzParse(f *testing.F) {
	sample, err := tail.Append(nil, &tail.Record{Number: 3, Generation: 2, Durable: 1,
		Ops: []storage.Op{{Kind: storage.Put, Key: []byte("k"), Value: []byte("v")}, {Kind: storage.Delete}}})
	require.NoError(f, err)
	f.Add(sample)
	f.Add(sample[:len(sample)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := tail.Parse(data)
		if !ok {
			return
		}
		require.LessOrEqual(t, r.Size, int64(len(data)))
		again, err := tail.Append(nil, &r)
		require.NoError(t, err)
		s, ok := tail.Parse(again)
		require.True(t, ok)
		s.Size = r.Size // a varint may have been longer than need be
		require.Equal(t, r, s)
	})
}

// losing is slots of which a loss of power leaves what was synced; one that is begun is empty
// at once.
type losing struct {
	slots
	synced [2][]byte
}

func (s *losing) Begin(slot int) error {
	s.data[slot], s.synced[slot] = nil, nil
	return s.slots.Begin(slot)
}

func (s *losing) sync() { s.synced = [2][]byte{slices.Clone(s.data[0]), slices.Clone(s.data[1])} }

func TestMuchThatIsWrittenBetweenTwoSyncsLeavesWhatWasDurable(t *testing.T) {
	for _, synced := range []uint64{1, 3, 9, 20} {
		s := &losing{}
		w, err := tail.Begin(s, tail.Found{}, 100)
		require.NoError(t, err)
		for i := uint64(1); i <= synced; i++ {
			require.NoError(t, w.Append(i, i-1, put(i)))
			s.sync()
		}
		for i := synced + 1; i <= synced+60; i++ {
			require.NoError(t, w.Append(i, synced, put(i)))
		}
		s.data = s.synced
		found, err := tail.Recover(s, tail.Position{Number: synced - 1, Generation: 1})
		require.NoError(t, err)
		assert.Equal(t, [][]storage.Op{put(synced)}, found.Batches, "the last that was synced, of %d", synced)
	}
}
