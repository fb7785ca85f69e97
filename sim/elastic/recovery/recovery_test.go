package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// leases are what three copies had before anything was synced.
func leases() *Leases {
	var l Leases
	for _, node := range []string{"c", "a", "b"} {
		l.Put(Lease{Node: node})
	}
	return &l
}

// sync is a primary with 10,000 committed operations at a time.
func sync(at time.Duration, started bool, nodes ...string) Sync {
	s := Sync{
		Now: at, AllStarted: started, Period: 12 * time.Hour,
		CommitCheckpoint: 9999, CommitDocs: 10000, Threshold: 0.1,
	}
	for _, n := range nodes {
		s.Assigned = append(s.Assigned, Peer{Node: n, GlobalCheckpoint: 9999})
	}
	return s
}

func TestLeasesAreKeptInOrderOfTheirNodes(t *testing.T) {
	l := leases()
	l.Put(Lease{Node: "b", Retaining: 7, At: time.Second})
	l.Put(Lease{Node: "b", Retaining: 3, At: 2 * time.Second})
	assert.Equal(t, []Lease{{Node: "a"}, {Node: "b", Retaining: 7, At: 2 * time.Second}, {Node: "c"}}, l.All(), "a lease never retains less than before")
	assert.Equal(t, "peer_recovery/b", l.All()[1].ID())
	least, ok := l.MinRetaining()
	assert.True(t, ok)
	assert.Zero(t, least)
}

func TestASyncRenewsTheLeasesOfAssignedCopies(t *testing.T) {
	l := leases()
	l.Sync(sync(30*time.Second, true, "a", "b", "c"))
	for _, lease := range l.All() {
		assert.Equal(t, int64(10000), lease.Retaining, lease.Node)
		assert.Equal(t, 30*time.Second, lease.At)
	}
}

func TestAnAbsentCopysLeaseIsDroppedWhenItIsTooFarBehind(t *testing.T) {
	l := leases()
	l.Sync(sync(30*time.Second, false, "a", "b"))
	_, kept := l.Get("c")
	assert.False(t, kept, "it would have to replay all documents")

	l = leases()
	l.Sync(sync(30*time.Second, true, "a", "b", "c"))
	l.Sync(sync(60*time.Second, false, "a", "b"))
	_, kept = l.Get("c")
	assert.True(t, kept, "nothing is missing yet")
	l.Sync(sync(13*time.Hour, false, "a", "b"))
	_, kept = l.Get("c")
	assert.False(t, kept, "twelve hours are over")
}

func TestAnAbsentCopysLeaseIsDroppedOnceAllCopiesAreStarted(t *testing.T) {
	l := leases()
	l.Sync(sync(30*time.Second, true, "a", "b", "c"))
	l.Sync(sync(60*time.Second, true, "a", "b"))
	_, kept := l.Get("c")
	assert.False(t, kept)
}

func TestATenthOfTheDocumentsIsWorthReplaying(t *testing.T) {
	assert.Equal(t, int64(9000), MinReasonable(9999, 10000, 0.1))
	assert.Equal(t, int64(9998), MinReasonable(9999, 11, 0.1), "rounded up")
}

func TestOperationsNeedTheHistoryAndALease(t *testing.T) {
	segments := []Segment{{ID: 1, Bytes: 100, Docs: 10}, {ID: 2, Bytes: 50, Docs: 5}}
	target := Target{Node: "b", History: "h", StartingSeqNo: 500, Segments: segments[:1]}
	source := func(retaining, minRetained int64) Source {
		var l Leases
		l.Put(Lease{Node: "b", Retaining: retaining})
		return Source{History: "h", MinRetained: minRetained, Leases: &l, Segments: segments}
	}
	assert.True(t, NewPlan(target, source(500, 500)).ByOperations)
	assert.False(t, NewPlan(target, source(501, 500)).ByOperations, "the lease retains too little")
	assert.False(t, NewPlan(target, source(500, 501)).ByOperations, "the operations are gone")

	other := target
	other.History = "another"
	assert.False(t, NewPlan(other, source(500, 500)).ByOperations)
	empty := Target{Node: "b", StartingSeqNo: UnassignedSeqNo}
	assert.Equal(t, Plan{Copy: segments}, NewPlan(empty, source(0, 0)))

	byFiles := NewPlan(other, source(500, 500))
	assert.Equal(t, segments[:1], byFiles.Reuse, "identical files are not copied again")
	assert.Equal(t, segments[1:], byFiles.Copy)
	assert.Equal(t, int64(100), Matching(segments, segments[:1]))
	assert.Equal(t, 3, Files(byFiles.Copy))
}
