package chaos

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/clock"
)

// everyFault are the entries of the scenarios that strike with every kind.
func everyFault(t *testing.T, file string) []Entry {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "scenarios", "scenariotest", "testdata", file))
	require.NoError(t, err)
	var s struct {
		Faults []Entry `yaml:"faults"`
	}
	require.NoError(t, yaml.Unmarshal(text, &s))
	return s.Faults
}

// worldTopology is the shape of the clusters of those scenarios.
var worldTopology = Topology{
	Nodes: []string{"n1", "n2", "n3", "n4"}, Late: []string{"n4"}, Viewers: []string{"controller", "client"}, Controllers: []string{"controller"},
	Attributes: make([]map[string]string, 4),
	Indices:    []IndexShape{{Name: "logs", Shards: 6, Replicas: 1}, {Name: "kv", Shards: 3, Replicas: 2}},
}

func worldInjector(w *world) *Injector {
	c := clock.NewReal(1)
	return &Injector{Clock: c, Target: w.target(), View: anyView{worldTopology}, Zero: c.Monotonic(), ProbeLimit: time.Minute}
}

func TestTheWorldOfTheseTestsHasEveryCapability(t *testing.T) {
	v := reflect.ValueOf(newWorld().target())
	for i := range v.NumField() {
		assert.False(t, v.Field(i).IsZero(), v.Type().Field(i).Name)
	}
}

func TestEachKindIsInTheScenariosThatStrikeWithEveryKindOfItsSystems(t *testing.T) {
	for system, file := range map[string]string{Elasticsearch: "every-fault.yaml", KeyValue: "every-fault-kv.yaml"} {
		there := map[string]bool{}
		for _, e := range everyFault(t, file) {
			there[e.Fault.Kind()] = true
			assert.True(t, KindOf(e.Fault.Kind()).For(system), e.Fault.Kind())
		}
		for _, k := range Kinds() {
			assert.NotEmpty(t, k.About, k.Name)
			assert.NotEmpty(t, k.Systems, k.Name)
			require.NotNil(t, k.New, k.Name)
			assert.Equal(t, k.Name, k.New().Kind())
			if k.For(system) {
				assert.True(t, there[k.Name], "%s is missing in %s", k.Name, file)
			}
		}
	}
}

// stillBites looks at every primitive that a fault has in force.
func stillBites(t *testing.T, w *world, a *Active, when string) {
	t.Helper()
	for _, p := range a.applied {
		e := p.Bites(context.Background(), w.target())
		assert.True(t, e.Shown, "%s: %s: %s", when, p, e.Saw)
	}
}

// shown verifies that probes saw what they should, or say which other fault may be why not:
// of a link that is cut nobody can tell whether it is slow.
func shown(t *testing.T, all []Evidence, when string) {
	t.Helper()
	for _, e := range all {
		assert.True(t, e.Shown || strings.HasPrefix(e.What, "slow") && strings.HasPrefix(strings.Join(e.Meanwhile, ""), "cut"), "%s: %s: %s", when, e.What, e.Saw)
	}
}

// overlap strikes with two faults one after the other and heals them in that order or the
// other way round. Those that are for good stay.
func overlap(t *testing.T, first, second Entry, firstHealsFirst bool) {
	t.Helper()
	w, ctx := newWorld(), context.Background()
	in := worldInjector(w)
	for i, e := range []Entry{first, second} {
		if d, is := e.Fault.(*DeleteIndex); is && (i == 0 || first.Fault.Kind() != "create-index") {
			w.Indices[d.Index] = true // what is deleted has to be there
		}
		if f, is := e.Fault.(*PutTemplate); is && f.Remove {
			w.Admin["template "+f.Template] = map[string]any{}
		}
		if f, is := e.Fault.(*Alias); is && (f.From != "" || f.Remove) {
			w.Aliases[cmp.Or(f.From, f.Index)] = map[string]map[string]any{"aliases": {f.Alias: map[string]any{}}} // who loses it has it
		}
	}
	before := *newWorld()
	a := in.Strike(ctx, first.Fault)
	require.True(t, a.Record.Injected, "%s alone: %s", first.Fault.Kind(), a.Record.Error)
	require.NoError(t, a.Settle(ctx))
	b := in.Strike(ctx, second.Fault)
	if !b.Record.Injected {
		require.True(t, ForGood(first.Fault), "%s after %s: %s", second.Fault.Kind(), first.Fault.Kind(), b.Record.Error)
		return // what is for good was done, and can't be done again
	}
	order := []*Active{b, a}
	if firstHealsFirst {
		order = []*Active{a, b}
	}
	require.NoError(t, b.Settle(ctx))
	shown(t, a.Record.Bites, first.Fault.Kind()+" alone")
	shown(t, b.Record.Bites, second.Fault.Kind()+" after "+first.Fault.Kind())
	for i, f := range order {
		if ForGood(f.Record.Params) {
			return
		}
		when := fmt.Sprintf("%s after %s, healed %s", second.Fault.Kind(), first.Fault.Kind(), f.Record.Kind)
		require.NoError(t, f.Heal(ctx), when)
		if i == 0 {
			stillBites(t, w, order[1], when)
		}
		if f.Record.Kind == "corruption" {
			clear(w.Damaged) // nobody but the cluster repairs it
			continue
		}
		shown(t, f.Record.Gone, when)
	}
	assert.Equal(t, before, *w, "%s and %s are gone", first.Fault.Kind(), second.Fault.Kind())
}

func TestTwoFaultsThatOverlapAreBothInForceUntilTheirEndsWhateverTheirKinds(t *testing.T) {
	pairs := 0
	for _, file := range []string{"every-fault.yaml", "every-fault-kv.yaml"} {
		entries := everyFault(t, file)
		for _, first := range entries {
			for _, second := range entries {
				for _, inOrder := range []bool{true, false} {
					overlap(t, first, second, inOrder)
					pairs++
				}
			}
		}
	}
	t.Logf("%d overlaps", pairs)
}

func TestOfTwoWaysToHoldTheSameThingTheOneThatIsLeftIsInForce(t *testing.T) {
	w, ctx := newWorld(), context.Background()
	in := worldInjector(w)
	slow := in.Strike(ctx, &Link{Between: []Selector{"n1"}, And: []Selector{"n2"}, Latency: 50e6, For: 60e9})
	slower := in.Strike(ctx, &Link{Between: []Selector{"n1"}, And: []Selector{"n2"}, Latency: 400e6, For: 10e9})
	assert.Equal(t, 400*time.Millisecond, w.Shapes[[2]string{"n1", "n2"}].Latency)
	require.NoError(t, slower.Heal(ctx))
	assert.Equal(t, 50*time.Millisecond, w.Shapes[[2]string{"n1", "n2"}].Latency, "the first one's again")
	require.NoError(t, slow.Heal(ctx))
	assert.Empty(t, w.Shapes)
}

func TestANodeThatIsLostForGoodCannotBeLostAgain(t *testing.T) {
	w, ctx := newWorld(), context.Background()
	in := worldInjector(w)
	require.True(t, in.Strike(ctx, &NodeLoss{Node: "n2"}).Record.Injected)
	again := in.Strike(ctx, &NodeLoss{Node: "n2"})
	assert.False(t, again.Record.Shown())
	assert.Contains(t, again.Record.Error, "kill n2, which is for good")
}
