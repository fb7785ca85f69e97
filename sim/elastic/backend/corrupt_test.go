package backend

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func (w *world) damage(d chaos.Damage) {
	w.t.Helper()
	require.NoError(w.t, newTarget(w.c).Damage(context.Background(), d))
	require.True(w.t, w.condition(d).Damaged, "the damage is there")
}

func (w *world) condition(d chaos.Damage) chaos.CopyCondition {
	w.t.Helper()
	c, err := newTarget(w.c).Condition(context.Background(), d)
	require.NoError(w.t, err)
	return c
}

func badChecksum(node string) chaos.Damage {
	return chaos.Damage{Copy: chaos.CopyRef{Index: "i", Shard: 0, Node: node}, Mode: chaos.BadChecksum}
}

// nodeOf names the node of a copy of shard i[0].
func (w *world) nodeOf(primary bool) string {
	for _, c := range w.st().Routing.Index("i").Shards[0].Copies {
		if c.Primary == primary && c.Active() {
			return w.c.ByID[c.Node].Name()
		}
	}
	return ""
}

func checked() settings.Settings {
	return settings.Of(map[string]string{"index.shard.check_on_startup": "checksum"})
}

func TestACorruptPrimaryIsFoundByARecoveryThatCopiesItAndAnotherCopyTakesItsPlace(t *testing.T) {
	w := newWorld(t, 3)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 40 * mb, Docs: 1000, Placement: []int{1, 1, 0}})
	bad := badChecksum(w.nodeOf(true))
	good := w.nodeOf(false)
	w.damage(bad)
	w.run(10 * time.Second)
	assert.Equal(t, "green", w.health().Status, "nobody reads the file")

	two := "2"
	w.observe()
	w.do(updateIndex(w, "i", map[string]*string{"index.number_of_replicas": &two}))
	w.until(time.Minute, "the primary fails", func() bool { return w.nodeOf(true) == good })
	assert.True(t, w.condition(bad).Noticed)
	assert.EqualValues(t, 2, w.st().Index("i").PrimaryTerms[0])
	w.until(2*time.Minute, "green", w.green)
	assert.Len(t, w.st().Routing.Index("i").Shards[0].Copies, 3)
	c := w.condition(bad)
	assert.False(t, c.Damaged || c.Noticed, "rebuilt from the good copy, marker and all: %s", c.Files)
	failed, _ := w.first(func(o observed.Observation) bool {
		copies, _ := o.Sight.(observed.Copies)
		for _, cp := range copies {
			if cp.Reason == string(state.AllocationFailed) {
				return true
			}
		}
		return false
	})
	assert.Positive(t, failed)
}

func TestTheLastCopyIsCorruptAndTheClusterIsRedAndSaysSo(t *testing.T) {
	w := newWorld(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: 40 * mb, Docs: 1000, Placement: []int{1, 0}})
	bad := badChecksum(w.nodeOf(true))
	w.damage(bad)
	w.addReplica("i")
	w.until(time.Minute, "red", func() bool { return w.health().Status == "red" })
	w.run(5 * time.Minute)
	primary := w.st().Routing.Index("i").Shards[0].Primary()
	require.Equal(t, state.Unassigned, primary.State)
	assert.Equal(t, state.AllocationFailed, primary.Info.Reason)
	assert.Contains(t, primary.Info.Message, "shard failure, reason [recovery]")
	assert.Contains(t, primary.Info.Failure, "CorruptIndexException: checksum failed (hardware problem?)")
	assert.Equal(t, state.NoValidShardCopy, primary.Info.LastStatus)

	w.do(func(ctx context.Context) {
		x, err := reroute.Explain(w.c.Leader(), ctx, time.Minute, false, primaryOf{"i"})
		require.NoError(t, err)
		require.NotNil(t, x.Shard.Allocate)
		assert.Equal(t, "no_valid_shard_copy", x.Shard.Allocate.Decision)
		var found *elastic.Error
		for _, n := range x.Shard.Allocate.Nodes {
			if n.Store != nil && n.Store.Exception != nil {
				require.ErrorAs(t, n.Store.Exception, &found)
			}
		}
		require.NotNil(t, found)
		assert.Equal(t, "corrupt_index_exception", found.Type)
		assert.Equal(t, "failed engine (reason: [recovery]) (resource=preexisting_corruption)", found.Reason)
	})
}

func TestACheckAtStartupFindsTheDamageAndTheOtherCopyServes(t *testing.T) {
	w := newWorld(t, 3)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 40 * mb, Docs: 1000, Settings: checked(), Placement: []int{1, 1, 0}})
	for _, primary := range []bool{false, true} {
		bad := badChecksum(w.nodeOf(primary))
		other := w.nodeOf(!primary)
		require.NoError(t, w.c.Kill(bad.Copy.Node))
		w.damage(bad)
		w.run(5 * time.Second)
		require.NoError(t, w.c.StartNode(bad.Copy.Node))
		w.until(3*time.Minute, "green again", func() bool { return w.c.Leader() != nil && len(w.st().Nodes) == 3 && w.green() })
		c := w.condition(bad)
		assert.False(t, c.Damaged || c.Noticed, c.Files)
		assert.Equal(t, other, w.nodeOf(true), "the copy that stayed is the primary")
	}
}

func TestWithoutACheckAReturningCopyKeepsItsDamage(t *testing.T) {
	w := newWorld(t, 3)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 40 * mb, Docs: 1000, Placement: []int{1, 1, 0}})
	bad := badChecksum(w.nodeOf(false))
	require.NoError(t, w.c.Kill(bad.Copy.Node))
	w.damage(bad)
	w.run(5 * time.Second)
	require.NoError(t, w.c.StartNode(bad.Copy.Node))
	w.until(3*time.Minute, "green again", func() bool { return w.c.Leader() != nil && len(w.st().Nodes) == 3 && w.green() })
	c := w.condition(bad)
	assert.True(t, c.Damaged, "caught up by operations: nobody has read the file")
	assert.False(t, c.Noticed)
}

func TestMissingFilesAreReplacedWhenTheNodeReturnsAndPassedOverForAPrimary(t *testing.T) {
	w := newWorld(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 40 * mb, Docs: 1000, Placement: []int{1, 1}})
	gone := chaos.Damage{Copy: chaos.CopyRef{Index: "i", Shard: 0, Node: w.nodeOf(true)}, Mode: chaos.FilesMissing}
	other := w.nodeOf(false)
	w.damage(gone)
	w.run(5 * time.Second)
	assert.Equal(t, "green", w.health().Status, "the process has the files open")
	// Both nodes restart: the primary's files can't be opened.
	require.NoError(t, w.c.Kill("n1"))
	require.NoError(t, w.c.Kill("n2"))
	w.run(time.Second)
	require.NoError(t, w.c.StartNode("n1"))
	require.NoError(t, w.c.StartNode("n2"))
	w.until(5*time.Minute, "green again", func() bool { return w.c.Leader() != nil && len(w.st().Nodes) == 2 && w.green() })
	assert.Equal(t, other, w.nodeOf(true))
	assert.False(t, w.condition(gone).Damaged)
}

func TestSilentDamageChangesWhatOneCopyAnswersAndNothingElse(t *testing.T) {
	w := newWorld(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Replicas: 1, Bytes: 40 * mb, Docs: 1000, Placement: []int{1, 1}})
	silent := chaos.Damage{Copy: chaos.CopyRef{Index: "i", Shard: 0, Node: w.nodeOf(false)}, Mode: chaos.SilentDamage, Docs: 3}
	w.damage(silent)
	w.run(time.Minute)
	assert.Equal(t, "green", w.health().Status)
	assert.False(t, w.condition(silent).Noticed)
	docs := map[string]int64{}
	for _, n := range w.c.Nodes() {
		for _, s := range figures.LocalShardStats(n) {
			docs[n.Name()] = s.DocsCount
		}
	}
	assert.Equal(t, map[string]int64{silent.Copy.Node: 997, w.nodeOf(true): 1000}, docs)
}

func TestDamageOfWhatIsNotThereIsAnError(t *testing.T) {
	w := newWorld(t, 2)
	w.load(inplace.IndexSpec{Name: "i", Shards: 1, Bytes: mb, Docs: 10, Placement: []int{1, 0}})
	target := newTarget(w.c)
	empty := map[string]string{"n1": "n2", "n2": "n1"}[w.nodeOf(true)]
	assert.ErrorContains(t, target.Damage(context.Background(), badChecksum(empty)), "holds no copy of i[0]")
	many := chaos.Damage{Copy: badChecksum(w.nodeOf(true)).Copy, Mode: chaos.SilentDamage, Docs: 11}
	assert.ErrorContains(t, target.Damage(context.Background(), many), "only 10 documents")
	assert.ErrorContains(t, target.Damage(context.Background(), badChecksum("n9")), "n9")
}

// primaryOf chooses the first primary of an index.
type primaryOf struct{ index string }

func (q primaryOf) Choose(st *state.State) (*state.Copy, bool, error) {
	return st.Routing.Index(q.index).Shards[0].Primary(), false, nil
}
