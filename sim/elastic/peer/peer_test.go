package peer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// pair is a primary and a copy that recovers from it, with nothing between them but messages.
type pair struct {
	*sim.Engine
	from, to *store.Store
	source   *Source
	target   Target
	steps    []string // what the target was asked to do
	tracked  []string
	inSync   []string
	blocked  bool
	acting   string // where the acting primary is
	left     bool   // the primary acts as one no longer
	refuses  error  // what the target's node answers instead of doing a step
	failed   string
	ready    bool
	stages   []api.RecoveryStage
}

// disk is a machine that stores stand on.
type disk struct{ r *rand.Rand }

func (disk) Changed()                                      {}
func (d disk) IDs() *rand.Rand                             { return d.r }
func (disk) Marked(*store.Store)                           {}
func (disk) FoundDamaged(*store.Store, string, *api.Error) {}

// newPair is a primary with so many documents, of which it has committed some, and an empty copy.
func newPair(docs, committed int) *pair {
	w := &pair{Engine: sim.NewEngine(sim.Config{Seed: 1}), acting: "a"}
	on := disk{rand.New(rand.NewPCG(1, 2))}
	key := store.Key{UUID: "logs"}
	w.from, w.to = store.New(on, 0, key, "logs"), store.New(on, 1, key, "logs")
	for i := range docs {
		w.write(i)
		if i+1 == committed {
			w.from.Flush()
		}
	}
	w.from.Leases.Put(recovery.Lease{Node: "a", Retaining: int64(committed)})
	w.target = NewTarget(w, hostOf{w}, state.Peer)
	return w
}

func (w *pair) write(i int) {
	d := &store.Doc{ID: string(rune('a' + i)), SeqNo: int64(i), Term: 1, Version: 1, Source: []byte(`{}`)}
	w.from.Engine.Process(d, w.Engine.Now())
	w.from.Grow(d.Bytes(), 1)
}

func (w *pair) recover(t *testing.T) {
	t.Helper()
	w.target.Enter(api.StageInit)
	w.target.Ask()
	require.NoError(t, w.Run(w.Engine.Now().Add(time.Minute)))
}

// The copy.
func (w *pair) OnDisk() *store.Store { return w.to }
func (w *pair) Identity() (ID, string, bool) {
	return ID{Key: w.to.Key, Copy: "copy", Process: "p"}, "b", w.acting == "a, moving"
}
func (w *pair) OpenLocally() bool                           { return true }
func (w *pair) Detach()                                     {}
func (w *pair) Adopt(int64, int64)                          {}
func (w *pair) Activate(inSync []string, _ map[string]bool) { w.inSync = inSync }
func (w *pair) Recovered()                                  { w.ready = true }
func (w *pair) Fail(cause string)                           { w.failed = cause; w.target.Cancel() }
func (w *pair) Changed()                                    {}
func (w *pair) Entered()                                    { w.stages = append(w.stages, w.target.Stage) }
func (w *pair) Ended()                                      {}

type hostOf struct{ *pair }

func (h hostOf) Time() time.Time { return h.Wall() }
func (h hostOf) Costs() Costs    { return Costs{RetryDelay: time.Second, RetryLost: 5 * time.Second} }
func (h hostOf) Ask(req Start, answered, _ func(error)) {
	if h.left {
		answered(ErrDelay)
		return
	}
	end := sourceOf(h)
	h.source = NewSource(end, end, req, answered)
	h.source.Begin()
}

type sourceOf struct{ *pair }

func (s sourceOf) Group() Group {
	if s.left {
		return nil
	}
	return s
}
func (s sourceOf) OnDisk() *store.Store                         { return s.from }
func (s sourceOf) OpBytes() int64                               { return 0 }
func (s sourceOf) Node() string                                 { return "a" }
func (s sourceOf) After(d time.Duration, name string, f func()) { s.Engine.After(d, name, f) }
func (s sourceOf) FailCorrupted(*api.Error)                     {}
func (s sourceOf) HandedOff(node string)                        { s.acting, s.left = node, true }
func (s sourceOf) Served(*Source)                               {}
func (s sourceOf) SyncLeases()                                  {}
func (s sourceOf) PutLease(node string, retaining int64) {
	s.from.Leases.Put(recovery.Lease{Node: node, Retaining: retaining})
}
func (s sourceOf) Track(copy string)      { s.tracked = append(s.tracked, copy) }
func (s sourceOf) MarkInSync(copy string) { s.inSync = append(s.inSync, copy) }
func (s sourceOf) Lags(string, string) bool {
	return s.to.Engine.LocalCheckpoint() < s.from.Engine.LocalCheckpoint()
}
func (s sourceOf) GlobalCheckpoint() int64 { return s.from.Engine.LocalCheckpoint() }
func (s sourceOf) Block(quiet func())      { s.blocked = true; quiet() }
func (s sourceOf) Unblock()                { s.blocked = false }
func (s sourceOf) Members() ([]string, map[string]bool) {
	return s.inSync, map[string]bool{"copy": true}
}
func (s sourceOf) Do(id ID, step Step, answered, _ func(error)) {
	s.steps = append(s.steps, step.Action())
	if s.refuses != nil {
		answered(s.refuses)
		return
	}
	s.target.Do(id.Attempt, step, answered)
}
func (s sourceOf) Files(_ ID, _ int64, done func(error)) (*sim.Transfer, error) {
	s.Engine.After(time.Second, "files", func() { done(nil) })
	return nil, nil
}
func (s sourceOf) Ops(_ ID, count, _ int64, done func(error)) *sim.Transfer {
	s.target.Announced(count)
	s.Engine.After(time.Second, "ops", func() { done(nil) })
	return nil
}
func (s sourceOf) PerFile() time.Duration { return time.Millisecond }

func TestAnEmptyCopyGetsTheCommitAsFilesAndTheRestAsOperations(t *testing.T) {
	w := newPair(5, 3)
	w.recover(t)
	assert.True(t, w.ready)
	assert.Equal(t, []string{
		FilesInfo{}.Action(), CleanFiles{}.Action(), PrepareTranslog{}.Action(), TranslogOps{}.Action(), Finalize{}.Action(),
	}, w.steps)
	assert.Equal(t, []api.RecoveryStage{
		api.StageInit, api.StageIndex, api.StageVerifyIndex, api.StageTranslog, api.StageFinalize, api.StageDone,
	}, slices.Compact(w.stages))
	assert.Equal(t, int64(2), w.target.OpsDone, "the two that are not in the commit")
	assert.Equal(t, w.from.History, w.to.History)
	assert.Len(t, w.to.Engine.Live, 5)
	assert.Equal(t, []string{"copy"}, w.inSync)
	lease, ok := w.from.Leases.Get("b")
	assert.True(t, ok, "its history is kept from now on")
	assert.Equal(t, int64(3), lease.Retaining)
}

func TestACopyWhoseHistoryIsKeptGetsOperationsAlone(t *testing.T) {
	w := newPair(3, 3)
	w.recover(t)
	w.write(3)
	w.steps, w.ready = nil, false
	w.target = NewTarget(w, hostOf{w}, state.Peer)
	w.recover(t)
	assert.True(t, w.ready)
	assert.NotContains(t, w.steps, CleanFiles{}.Action())
	assert.True(t, w.target.Plan.ByOperations)
	assert.Equal(t, int64(1), w.target.OpsDone)
	assert.Equal(t, w.from.Engine.LocalCheckpoint(), w.to.Engine.LocalCheckpoint())
}

func TestWhatTheSourceSendsIsNotItsOwnMemory(t *testing.T) {
	w := newPair(3, 3)
	w.recover(t)
	w.from.Engine.Process(&store.Doc{ID: "later", SeqNo: 3, Term: 1}, w.Engine.Now())
	w.from.Leases.Put(recovery.Lease{Node: "c"})
	assert.NotContains(t, w.to.Engine.Live, "later")
	_, has := w.to.Leases.Get("c")
	assert.False(t, has)
}

func TestAPrimaryIsHandedOverWhileWritesWait(t *testing.T) {
	w := newPair(2, 2)
	w.acting = "a, moving"
	w.recover(t)
	assert.True(t, w.ready)
	assert.Equal(t, HandOff{}.Action(), w.steps[len(w.steps)-1])
	assert.True(t, w.blocked)
	assert.Equal(t, "b", w.acting)
}

func TestAHandOffThatFailsLetsTheWritesGoOn(t *testing.T) {
	w := newPair(2, 2)
	w.acting = "a, moving"
	w.blocked = true
	w.refuses = errors.New("no")
	w.recover(t)
	assert.Equal(t, "no", w.failed)
	assert.False(t, w.blocked)
	assert.Equal(t, "a, moving", w.acting)
}

func TestASourceThatIsNotReadyIsAskedAgain(t *testing.T) {
	w := newPair(2, 2)
	w.left = true
	w.target.Enter(api.StageInit)
	w.target.Ask()
	require.NoError(t, w.Run(sim.Time(1500*time.Millisecond)))
	assert.False(t, w.ready)
	w.left = false
	require.NoError(t, w.Run(sim.Time(time.Minute)))
	assert.True(t, w.ready)
}

func TestAStepOfAnOlderAttemptIsRefused(t *testing.T) {
	w := newPair(2, 2)
	w.recover(t)
	var got error
	w.target.Do(7, Finalize{Global: 99}, func(err error) { got = err })
	require.NoError(t, w.Run(sim.Time(2*time.Minute)))
	assert.ErrorIs(t, got, ErrGone)
	assert.NotEqual(t, int64(99), w.to.Global)
}

func TestDamageInAFileEndsTheRecovery(t *testing.T) {
	w := newPair(2, 2)
	w.from.Damage.Missing = true
	w.recover(t)
	assert.False(t, w.ready)
	assert.NotEmpty(t, w.failed)
	assert.Empty(t, w.steps, "the target was asked for nothing")
}
