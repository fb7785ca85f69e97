package store

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
)

// host is a node that remembers what its stores told it.
type host struct {
	ids     *rand.Rand
	marked  int
	damaged []string
}

func (h *host) Changed()        {}
func (h *host) IDs() *rand.Rand { return h.ids }
func (h *host) Marked(*Store)   { h.marked++ }
func (h *host) FoundDamaged(_ *Store, reason string, _ *api.Error) {
	h.damaged = append(h.damaged, reason)
}

func newStore() (*Store, *host) {
	h := &host{ids: rand.New(rand.NewPCG(1, 2))}
	return New(h, 0, Key{UUID: "u"}, "i"), h
}

// op is an operation that writes a document, or deletes it without a source.
func op(seqNo int64, id, source string) *Doc {
	return &Doc{ID: id, Source: []byte(source), SeqNo: seqNo, Term: 1, Version: 1, Deleted: source == ""}
}

func TestTheLocalCheckpointStopsBelowWhatIsMissing(t *testing.T) {
	st, _ := newStore()
	e := &st.Engine
	assert.Equal(t, api.NoOpsPerformed, e.LocalCheckpoint())
	for _, n := range []int64{0, 1, 2} {
		e.Expect(n)
	}
	e.Process(op(2, "c", "{}"), 1)
	assert.Equal(t, api.NoOpsPerformed, e.LocalCheckpoint(), "0 and 1 are on their way")
	e.Process(op(0, "a", "{}"), 2)
	assert.Equal(t, int64(0), e.LocalCheckpoint())
	e.Process(op(1, "b", "{}"), 3)
	assert.Equal(t, int64(2), e.LocalCheckpoint())
}

func TestTheNewestOperationOfADocumentCountsInWhateverOrderTheyArrive(t *testing.T) {
	st, _ := newStore()
	e := &st.Engine
	e.Process(op(1, "a", `{"v":2}`), 1)
	e.Process(op(0, "a", `{"v":1}`), 2)
	e.Process(op(1, "a", `{"v":2}`), 3)
	assert.JSONEq(t, `{"v":2}`, string(e.Get("a", true).Source))
	assert.Equal(t, int64(1), e.LiveN)
	assert.Len(t, e.History, 2, "the same operation twice is one")
	e.Process(op(2, "a", ""), 4)
	assert.Nil(t, e.Get("a", true))
	assert.Zero(t, e.LiveN)
}

func TestARefreshShowsWhatArrivedByThen(t *testing.T) {
	st, _ := newStore()
	e := &st.Engine
	e.Process(op(0, "a", "{}"), 10)
	e.Process(op(1, "b", "{}"), 20)
	assert.True(t, e.Refresh(15))
	assert.NotNil(t, e.Get("a", false))
	assert.Nil(t, e.Get("b", false))
	assert.NotNil(t, e.Get("b", true))
	assert.False(t, e.Refresh(15), "nothing new")
	assert.True(t, e.Refresh(20))
	assert.Equal(t, int64(2), e.SeenN)
}

func TestARollbackForgetsWhatIsAboveAndBringsTheOlderDocumentBack(t *testing.T) {
	st, _ := newStore()
	e := &st.Engine
	e.Process(op(0, "a", `{"v":1}`), 1)
	e.Process(op(1, "a", `{"v":2}`), 2)
	e.Expect(2)
	e.Process(op(3, "b", "{}"), 3)
	e.Rollback(0)
	assert.JSONEq(t, `{"v":1}`, string(e.Get("a", true).Source))
	assert.Nil(t, e.Get("b", true))
	assert.Equal(t, int64(0), e.Max)
	assert.Equal(t, int64(0), e.LocalCheckpoint())
	assert.Empty(t, e.Missing)
}

func TestAnAsynchronousTranslogLosesWhatWasNotSyncedButNotWhatWasCommitted(t *testing.T) {
	st, _ := newStore()
	e := &st.Engine
	for n := range int64(4) {
		e.Process(op(n, string(rune('a'+n)), "{}"), sim.Time(10*n))
	}
	e.Truncate(15, 2)
	assert.Equal(t, int64(2), e.Max, "operation 2 arrived late and is in the commit")
	assert.Nil(t, e.Get("d", true))
}

func TestACopiedEngineEndsWithTheCommit(t *testing.T) {
	st, _ := newStore()
	for n := range int64(5) {
		st.Engine.Process(op(n, string(rune('a'+n)), "{}"), 1)
	}
	var e Engine
	e.CopyFrom(&st.Engine, 2, 7)
	assert.Equal(t, int64(2), e.LocalCheckpoint())
	assert.Equal(t, int64(3), e.SeenN, "what is copied is visible")
	assert.Len(t, e.Since(1), 2)
	e.CopyFrom(&st.Engine, 9, 7)
	assert.Equal(t, int64(5), e.FluidSince(4), "operations that are only counted")
}

func TestAFlushMakesASegmentAndTheSmallestAreMerged(t *testing.T) {
	st, _ := newStore()
	st.Flush()
	assert.Empty(t, st.Segments, "there was nothing to commit")
	require.NotEmpty(t, st.History)
	for n := range int64(maxSegments + 1) {
		st.Engine.Process(op(n, string(rune('a'+n)), "{}"), 1)
		st.Grow(1000+n, 1)
		st.Flush()
	}
	assert.Len(t, st.Segments, maxSegments+1-9, "ten have become one")
	assert.Equal(t, int64(maxSegments+1), docsOf(st.Segments))
	assert.Equal(t, int64(maxSegments), st.Commit.Checkpoint)
	assert.Equal(t, int64(maxSegments+1), st.Commit.Docs)
	assert.Equal(t, recovery.Bytes(st.Segments)+EmptyStoreBytes, st.Bytes())
}

func docsOf(list []recovery.Segment) (n int64) {
	for _, s := range list {
		n += s.Docs
	}
	return n
}

func TestAMergeThatReadsADamagedFileFindsIt(t *testing.T) {
	st, h := newStore()
	for range maxSegments {
		st.Grow(1000, 1)
		st.Flush()
	}
	for _, s := range st.Segments {
		st.Damage.Segments = append(st.Damage.Segments, s.ID)
	}
	assert.Empty(t, h.damaged)
	st.Grow(1000, 1)
	st.Flush()
	assert.Equal(t, []string{"merge failed"}, h.damaged)
	assert.Len(t, st.Segments, maxSegments+1)
}

func TestAForcedMergeLeavesTheWantedNumber(t *testing.T) {
	st, _ := newStore()
	for n := range int64(5) {
		st.Grow(1000*(n+1), 1)
		st.Flush()
	}
	assert.Empty(t, st.Mergeable(0), "the merge policy has nothing to do")
	assert.Empty(t, st.Mergeable(5))
	old := st.Mergeable(2)
	assert.Len(t, old, 4, "the largest stays")
	before := recovery.Bytes(st.Segments)
	st.ReplaceSegments(old)
	assert.Len(t, st.Segments, 2)
	assert.Equal(t, before, recovery.Bytes(st.Segments))
}

func TestAMarkedStoreCantBeOpenedUntilOtherFilesTakeItsPlace(t *testing.T) {
	st, h := newStore()
	require.NoError(t, st.Unreadable())
	st.Grow(1000, 1)
	st.Flush()
	st.Damage.Segments = []uint64{st.Segments[0].ID}
	require.NoError(t, st.Unreadable(), "nobody has read the file")
	bad := st.BadAmong(st.Segments)
	require.ErrorContains(t, bad, "checksum failed")
	st.Mark(bad)
	st.Mark(FailedEngine("again", bad))
	assert.Equal(t, 1, h.marked)
	require.ErrorIs(t, st.Unreadable(), bad)
	st.Restored(st.Segments)
	require.NoError(t, st.Unreadable())
	assert.NotNil(t, st.BadAmong(st.Segments), "the damaged segment was reused")
	st.Restored(nil)
	assert.Nil(t, st.BadAmong(st.Segments))
}

func TestAlteredDocumentsAreTheOldestAndThenThoseThatAreOnlyCounted(t *testing.T) {
	st, _ := newStore()
	st.Fill(10<<20, 100, rand.New(rand.NewPCG(3, 4)), 1)
	st.Engine.Process(op(100, "a", `{"v":1}`), 2)
	assert.Equal(t, 3, st.Alter(3))
	assert.JSONEq(t, `{"damaged":true}`, string(st.Engine.Get("a", true).Source))
	assert.Equal(t, Damage{Altered: 3, Lost: 2}, st.Damage)
	assert.Equal(t, int64(99), st.Docs())
}

func TestAFilledStoreHoldsExactlyWhatItIsToHold(t *testing.T) {
	st, _ := newStore()
	st.Fill(12<<30, 1_000_000, rand.New(rand.NewPCG(3, 4)), 5)
	assert.Equal(t, int64(12<<30), recovery.Bytes(st.Segments))
	assert.Equal(t, int64(1_000_000), docsOf(st.Segments))
	assert.Equal(t, int64(1_000_000), st.Docs())
	assert.Equal(t, int64(999_999), st.Global)
	for _, s := range st.Segments {
		assert.LessOrEqual(t, s.Bytes, int64(MaxSegmentBytes))
	}
}

func TestTheStoresOfASplitShareAllThatTheSourceHeld(t *testing.T) {
	source, _ := newStore()
	source.Fill(10<<20, 101, rand.New(rand.NewPCG(3, 4)), 1)
	source.Engine.Process(op(101, "a", "{}"), 2)
	source.Engine.Process(op(102, "b", "{}"), 2)
	var docs, bytes int64
	for nth := range int64(3) {
		st, _ := newStore()
		here := func(id, _ string) bool { return (id == "a") == (nth == 0) && nth < 2 }
		st.MakeFrom([]*Store{source}, Part{Nth: nth, Of: 3}, here, 9)
		docs += st.Docs()
		bytes += recovery.Bytes(st.Segments)
		assert.Equal(t, source.Engine.Max, st.Global)
	}
	assert.Equal(t, source.Docs(), docs)
	assert.Equal(t, recovery.Bytes(source.Segments), bytes)
}

func TestRefreshesKeepTheirPhase(t *testing.T) {
	second := sim.Time(time.Second)
	assert.Equal(t, 7*second/2, RefreshTick(4*second, second/2, time.Second))
	assert.Equal(t, second/2, RefreshTick(4*second, second/2, 0), "it never refreshes by itself")
	assert.Equal(t, 5*second, RefreshTick(4*second, 5*second, time.Second))
}
