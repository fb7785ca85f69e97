package chaos_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
)

// damageable is a fake whose copies are whole or damaged.
type damageable struct {
	*fakeTarget
	damaged map[chaos.CopyRef]chaos.Damage
	noticed bool
}

func (d damageable) target() chaos.Target { return chaos.Target{Processes: d, Copies: d} }

func (d damageable) SupportsDamage(m chaos.DamageMode) error {
	if m == chaos.SilentDamage {
		return errors.New("no bug to be had")
	}
	return nil
}

func (d damageable) Damage(_ context.Context, x chaos.Damage) error {
	return d.act(x.Copy.Node, func() { d.damaged[x.Copy] = x })
}

func (d damageable) Condition(_ context.Context, x chaos.Damage) (chaos.CopyCondition, error) {
	_, is := d.damaged[x.Copy]
	return chaos.CopyCondition{Damaged: is, Noticed: d.noticed, Files: "files"}, nil
}

func newDamageable() damageable {
	return damageable{fakeTarget: newFake(), damaged: map[chaos.CopyRef]chaos.Damage{}}
}

func TestACorruptionDamagesTheCopyThatIsMeantAndSaysWhichItWas(t *testing.T) {
	for text, node := range map[string]string{
		"{at: 1s, corruption: {index: logs, shard: 1}}":                                "n2",
		"{at: 1s, corruption: {index: logs, shard: 1, copy: primary}}":                 "n3",
		"{at: 1s, corruption: {index: logs, shard: 1, node: n1, mode: missing}}":       "n1",
		"{at: 1s, corruption: {index: logs, shard: 1, node: follower, mode: missing}}": "n1",
		"{at: 1s, corruption: {index: logs, shard: 1, node: 'replica(logs,0)'}}":       "n2",
	} {
		target := newDamageable()
		a := injector(target).Strike(context.Background(), read(t, text).Fault)
		require.NoError(t, a.Settle(context.Background()))
		require.True(t, a.Record.Shown(), "%s: %s %v", text, a.Record.Error, a.Record.Bites)
		assert.Equal(t, []string{node}, a.Record.Victims, text)
		d, hit := target.damaged[chaos.CopyRef{Index: "logs", Shard: 1, Node: node}]
		require.True(t, hit, text)
		params, ok := a.Record.Params.(*chaos.Corruption)
		require.True(t, ok)
		assert.Equal(t, chaos.Selector(node), params.Node)
		assert.Equal(t, string(d.Mode), params.Mode, "the default is written down too")
	}
}

func TestACorruptionIsGoneOnlyWhenTheClusterHasReplacedTheCopy(t *testing.T) {
	strike := func() (damageable, *chaos.Active) {
		target := newDamageable()
		a := injector(target).Strike(context.Background(), read(t, "{at: 1s, corruption: {index: logs}}").Fault)
		require.NoError(t, a.Settle(context.Background()))
		return target, a
	}
	_, a := strike()
	require.NoError(t, a.Heal(context.Background()))
	require.Len(t, a.Record.Gone, 1)
	assert.False(t, a.Record.Gone[0].Shown, "nobody has replaced it, and healing must not")
	assert.Contains(t, a.Record.Gone[0].Saw, "not repaired")

	target, a := strike()
	clear(target.damaged)
	require.NoError(t, a.Heal(context.Background()))
	assert.True(t, a.Record.Gone[0].Shown)
	assert.Contains(t, a.Record.Gone[0].Saw, "replaced by the cluster")
}

func TestADamageThatDidNotTakeIsNotShownAndOneThatWasFoundAtOnceIs(t *testing.T) {
	target := newDamageable()
	target.deaf = true
	a := injector(target).Strike(context.Background(), read(t, "{at: 1s, corruption: {index: logs}}").Fault)
	require.NoError(t, a.Settle(context.Background()))
	assert.False(t, a.Record.Shown())

	target.noticed = true
	a = injector(target).Strike(context.Background(), read(t, "{at: 1s, corruption: {index: logs}}").Fault)
	require.NoError(t, a.Settle(context.Background()))
	assert.True(t, a.Record.Shown())
}

func TestAModeThatATargetLacksIsRefusedBeforeTheRun(t *testing.T) {
	silent := read(t, "{at: 1s, corruption: {index: logs, mode: silent}}").Fault
	err := chaos.Supports(silent, newDamageable().target(), topology)
	require.ErrorIs(t, err, chaos.ErrUnsupported)
	assert.ErrorContains(t, err, "no bug to be had")
	assert.ErrorContains(t, chaos.Supports(silent, newFake().target(), topology), "no control over the files of shard copies")
	assert.NoError(t, chaos.Supports(read(t, "{at: 1s, corruption: {index: logs}}").Fault, newDamageable().target(), topology))
}

func TestWhatIsWrongWithACorruptionIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string][2]string{
		"{index: lgos}":                        {"index", `did you mean "logs"`},
		"{index: logs, shard: 3}":              {"shard", "expected 0 to 2"},
		"{index: logs, mode: checksm}":         {"mode", `did you mean "checksum"`},
		"{index: logs, copy: primry}":          {"copy", `did you mean "primary"`},
		"{index: logs, node: n9}":              {"node", `no node "n9"`},
		"{index: logs, node: n1, copy: first}": {"node", "doesn't go with copy"},
		"{index: logs, docs: 3}":               {"docs", "mode: silent"},
	} {
		ps := read(t, "{at: 1s, corruption: "+text+"}").Fault.Check(topology)
		require.Len(t, ps, 1, text)
		assert.Equal(t, want[0], ps[0].Path, text)
		assert.Contains(t, ps[0].Message, want[1], text)
	}
}

// TestEveryKindCanBeDrawnForAClusterWithoutIndices: a served cluster may have none, and a kind
// that needs one draws nothing.
func TestEveryKindCanBeDrawnForAClusterWithoutIndices(t *testing.T) {
	drawn := 0
	for _, k := range chaos.Kinds() {
		if k.Draw == nil {
			continue
		}
		for seed := range uint64(50) {
			d := &chaos.Dice{Rand: rand.New(rand.NewPCG(seed, 0)), Topology: chaos.Topology{System: chaos.Elasticsearch, Nodes: []string{"n1", "n2", "n3"}}, Shortest: time.Second, Longest: time.Minute}
			if k.Draw(d) != nil {
				drawn++
			}
		}
	}
	assert.Positive(t, drawn)
}
