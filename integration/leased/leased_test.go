package leased_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/leased"
)

// cluster is one that notes in which order things are done to it; what is broken fails.
type cluster struct {
	chaos.Links
	chaos.Processes
	settings map[string]string
	did      []string
	broken   error
}

func (c *cluster) do(what string) error {
	c.did = append(c.did, what)
	return c.broken
}

// Cut implements [chaos.Links].
func (c *cluster) Cut(_ context.Context, from, to string, _ chaos.CutMode) error {
	return c.do("cut " + from + to)
}
func (c *cluster) Mend(_ context.Context, from, to string) error { return c.do("mend " + from + to) }
func (c *cluster) Kill(_ context.Context, node string) error     { return c.do("kill " + node) }
func (c *cluster) Start(_ context.Context, node string) error    { return c.do("start " + node) }

// settings of a cluster.
type settings struct{ *cluster }

func (s settings) Read(_ context.Context, _ chaos.Scope, keys []string) (map[string]string, error) {
	out := map[string]string{}
	for _, k := range keys {
		out[k] = s.settings[k]
	}
	return out, s.broken
}

func (s settings) Write(_ context.Context, _ chaos.Scope, values map[string]string) error {
	maps.Copy(s.settings, values)
	return s.broken
}

// steps undo by removing a file that is named after the thing.
type steps struct{}

func (steps) OfLink(from, to string) []journal.Step { return undo("link " + from + to) }
func (steps) OfProcess(node string) []journal.Step  { return undo("process " + node) }
func (steps) OfDisk(node string) []journal.Step     { return undo("disk " + node) }
func (steps) OfSettings(_ chaos.Scope, before map[string]string) []journal.Step {
	var out []journal.Step
	for _, key := range []string{"x", "y"} {
		if was, is := before[key]; is {
			out = append(out, undo(key+" was "+was)...)
		}
	}
	return out
}

func undo(name string) []journal.Step { return []journal.Step{{Remove: name}} }

// leasing is the target of a cluster whose journal can be looked at.
func leasing(t *testing.T) (*cluster, chaos.Target, func() []journal.Entry) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Create(path, "tried")
	require.NoError(t, err)
	c := &cluster{settings: map[string]string{"x": "1"}}
	t.Cleanup(func() { assert.NoError(t, j.Close()) })
	open := func() []journal.Entry {
		r, err := journal.ReadFile(path)
		require.NoError(t, err)
		return r.Open
	}
	return c, leased.Target(chaos.Target{Links: c, Processes: c, Settings: settings{c}}, steps{}, lease.NewKeeper(j, nil, 0)), open
}

func TestWhatIsDoneCanBeUndoneFromOutsideUntilItIsUndone(t *testing.T) {
	c, target, open := leasing(t)
	require.NoError(t, target.Links.Cut(t.Context(), "a", "b", chaos.Blackhole))
	require.NoError(t, target.Processes.Kill(t.Context(), "a"))
	require.Len(t, open(), 2)
	assert.Equal(t, undo("link ab"), open()[0].Undo)
	assert.Equal(t, undo("process a"), open()[1].Undo)
	require.NoError(t, target.Links.Mend(t.Context(), "a", "b"))
	require.NoError(t, target.Processes.Start(t.Context(), "a"))
	assert.Empty(t, open())
	assert.Equal(t, []string{"cut ab", "kill a", "mend ab", "start a"}, c.did)
}

func TestWhatMayHaveBeenDoneStaysOpen(t *testing.T) {
	c, target, open := leasing(t)
	c.broken = errors.New("no answer")
	require.ErrorIs(t, target.Processes.Kill(t.Context(), "a"), c.broken)
	assert.Len(t, open(), 1, "it may have been killed all the same")
	require.ErrorIs(t, target.Processes.Start(t.Context(), "a"), c.broken)
	assert.Len(t, open(), 1, "nor is it known to be back")
}

func TestEachSettingIsPutBackToWhatItWasFirst(t *testing.T) {
	_, target, open := leasing(t)
	write := func(values map[string]string) {
		t.Helper()
		require.NoError(t, target.Settings.Write(t.Context(), chaos.Scope{}, values))
	}
	write(map[string]string{"x": "2", "y": "5"})
	write(map[string]string{"x": "3"})
	require.Len(t, open(), 2)
	assert.Equal(t, undo("x was 1"), open()[0].Undo, "not the value in between")
	assert.Equal(t, undo("y was "), open()[1].Undo, "it was not set")
	write(map[string]string{"x": "1"})
	require.Len(t, open(), 1, "it has its first value again")
	assert.Equal(t, "setting y", open()[0].On)
}

func TestASettingThatHasItsValueAlreadyIsNotNoted(t *testing.T) {
	_, target, open := leasing(t)
	require.NoError(t, target.Settings.Write(t.Context(), chaos.Scope{}, map[string]string{"x": "1"}))
	assert.Empty(t, open())
}

func TestASettingThatCantBeReadIsNotChanged(t *testing.T) {
	c, target, open := leasing(t)
	c.broken = errors.New("no answer")
	require.ErrorContains(t, target.Settings.Write(t.Context(), chaos.Scope{}, map[string]string{"x": "2"}), "what the settings were: no answer")
	assert.Equal(t, "1", c.settings["x"])
	assert.Empty(t, open())
}

func TestWithoutAKeeperATargetIsLeftAlone(t *testing.T) {
	c := &cluster{}
	assert.Same(t, c, leased.Target(chaos.Target{Links: c}, steps{}, nil).Links)
}

func TestWhatATargetCantDoItCantDoLeased(t *testing.T) {
	got := leased.Target(chaos.Target{}, steps{}, lease.NewKeeper(nil, nil, 0))
	assert.Nil(t, got.Links)
	assert.Nil(t, got.Processes)
	assert.Nil(t, got.Disks)
	assert.Nil(t, got.Settings)
}
