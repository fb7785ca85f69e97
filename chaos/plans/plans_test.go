package plans_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/units"
)

// clusters are one of each system, with something of everything.
func clusters() []chaos.Topology {
	nodes := []string{"n1", "n2", "n3", "n4", "n5", "n6"}
	es := chaos.Topology{
		System: chaos.Elasticsearch, Nodes: nodes, Late: []string{"n6"}, Viewers: []string{"controller", "client"}, Controllers: []string{"controller"},
		Attributes: make([]map[string]string, 6), Indices: []chaos.IndexShape{{Name: "logs", Shards: 4, Replicas: 1}, {Name: "alone", Shards: 1}},
	}
	kv := chaos.Topology{
		System: chaos.KeyValue, Nodes: nodes, Late: []string{"n6"}, Viewers: []string{"client"},
		Attributes: make([]map[string]string, 6), Indices: []chaos.IndexShape{{Name: "kv", Shards: 4, Replicas: 2}},
	}
	return []chaos.Topology{es, kv}
}

const span = 90 * time.Second

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return string(out)
}

func TestDrawnPlansMakeSenseAndStayInsideTheBudget(t *testing.T) {
	for _, topology := range clusters() {
		b := plans.DefaultBudget(topology, span)
		g, err := plans.New(7, b, topology)
		require.NoError(t, err)
		seen := map[string]int{}
		var corpus []chaos.Plan
		for round := range 40 {
			for _, p := range g.Round(round, []int{10, 10, 10, 10}, corpus) {
				assert.Empty(t, p.Plan.Check(topology, span), text(t, p.Plan))
				assert.LessOrEqual(t, len(p.Plan.Entries), b.Most)
				for i, e := range p.Plan.Entries {
					seen[e.Fault.Kind()]++
					assert.LessOrEqual(t, e.At.D()+e.Fault.Lasts(), span)
					ailing, inForce := 0, 0
					for _, other := range p.Plan.Entries[:i+1] {
						until := other.At.D() + other.Fault.Lasts()
						if other.Fault.Lasts() == 0 {
							until = span
						}
						if until <= e.At.D() {
							continue
						}
						if !chaos.ForGood(other.Fault) {
							inForce++
						}
						if r, err := chaos.Preview(other.Fault, topology); chaos.KindOf(other.Fault.Kind()).Ails && assert.NoError(t, err) {
							ailing += len(r.Victims)
						}
					}
					assert.LessOrEqual(t, ailing, b.Ailing, text(t, p.Plan))
					assert.LessOrEqual(t, inForce, b.AtOnce, text(t, p.Plan))
				}
				if round < 3 {
					corpus = append(corpus, p.Plan)
				}
			}
		}
		for _, k := range chaos.Kinds() {
			if k.For(topology.System) && k.Draw != nil {
				assert.Positive(t, seen[k.Name], "%s is never drawn", k.Name)
			}
		}
	}
}

func TestAPlanHangsOnItsSeedRoundPlaceAndCorpusAndOnNothingElse(t *testing.T) {
	topology := clusters()[0]
	b := plans.DefaultBudget(topology, span)
	g, err := plans.New(7, b, topology)
	require.NoError(t, err)
	again, err := plans.New(7, b, topology)
	require.NoError(t, err)
	other, err := plans.New(8, b, topology)
	require.NoError(t, err)
	corpus := []chaos.Plan{g.Plan(0, 0, plans.Uniform, nil).Plan}
	whole := g.Round(3, []int{5, 5, 5, 5}, corpus)
	different := 0
	for i, way := range []int{0, 5, 10, 15} {
		for j := range 5 {
			at := way + j
			alone := again.Plan(3, at, plans.Ways()[i], corpus) // by another worker, in any order
			assert.Equal(t, text(t, whole[at].Plan), text(t, alone.Plan))
			if text(t, other.Plan(3, at, plans.Ways()[i], corpus).Plan) != text(t, alone.Plan) {
				different++
			}
		}
	}
	assert.GreaterOrEqual(t, different, 19)
	assert.NotEqual(t, text(t, whole), text(t, g.Round(4, []int{5, 5, 5, 5}, corpus)))
}

func TestPlansSurviveTheFormInWhichTheyAreKept(t *testing.T) {
	topology := clusters()[1]
	g, err := plans.New(1, plans.DefaultBudget(topology, span), topology)
	require.NoError(t, err)
	for i := range 50 {
		p := g.Plan(0, i, plans.Uniform, nil).Plan
		var back chaos.Plan
		require.NoError(t, json.Unmarshal([]byte(text(t, p)), &back))
		assert.Equal(t, text(t, p), text(t, back))
	}
}

func TestABudgetThatAllowsNothingIsRefused(t *testing.T) {
	topology := clusters()[1]
	b := plans.DefaultBudget(topology, span)
	for kind, why := range map[string]string{"corruption": "corruption is not for system kv", "earthquake": "no kind of fault"} {
		b.Kinds = []string{kind}
		_, err := plans.New(1, b, topology)
		assert.ErrorContains(t, err, why)
	}
	b = plans.DefaultBudget(topology, span)
	b.Most = 0
	_, err := plans.New(1, b, topology)
	assert.ErrorContains(t, err, "allows none")
}

// long is a plan of n losses of nodes of their own names, of which a test plants the guilty.
func long(n int) chaos.Plan {
	var p chaos.Plan
	for i := range n {
		p.Entries = append(p.Entries, chaos.Entry{
			At:    units.Duration(time.Duration(i)*1370*time.Millisecond + 200*time.Millisecond),
			Fault: &chaos.NodeLoss{Node: chaos.Selector(fmt.Sprintf("n%d", i)), For: units.Duration(20 * time.Second)},
		})
	}
	return p
}

// has is whether a plan has all of the losses named.
func has(p chaos.Plan, guilty []int) bool {
	return !slices.ContainsFunc(guilty, func(i int) bool {
		return !slices.ContainsFunc(p.Entries, func(e chaos.Entry) bool {
			return e.Fault.(*chaos.NodeLoss).Node == chaos.Selector(fmt.Sprintf("n%d", i))
		})
	})
}

func TestOfPlantedFailuresNothingIsLeftButTheGuiltyFaults(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	within, all := 0, 0
	for range 200 {
		n := 4 + rng.IntN(17)
		guilty := rng.Perm(n)[:1+rng.IntN(3)]
		got := plans.Shrink(long(n), func(p chaos.Plan) bool { return has(p, guilty) }, 1000)
		require.True(t, got.Minimal)
		assert.Len(t, got.Plan.Entries, len(guilty))
		assert.True(t, has(got.Plan, guilty))
		all++
		if got.Runs <= 100 {
			within++
		}
	}
	assert.GreaterOrEqual(t, within*10, all*9, "%d of %d within 100 runs", within, all)
}

func TestWhatIsLeftIsShortAndRound(t *testing.T) {
	// It fails when n3 is away for two seconds at least, beginning between 3 s and 8 s.
	fails := func(p chaos.Plan) bool {
		return slices.ContainsFunc(p.Entries, func(e chaos.Entry) bool {
			f := e.Fault.(*chaos.NodeLoss)
			return f.Node == "n3" && f.Lasts() >= 2*time.Second && e.At.D() >= 3*time.Second && e.At.D() <= 8*time.Second
		})
	}
	got := plans.Shrink(long(12), fails, 100)
	require.Len(t, got.Plan.Entries, 1)
	assert.Equal(t, 5*time.Second, got.Plan.Entries[0].At.D())
	assert.Equal(t, 2500*time.Millisecond, got.Plan.Entries[0].Fault.Lasts())
}

func TestShrinkingStopsWhenTheRunsAreUsedUp(t *testing.T) {
	runs := 0
	got := plans.Shrink(long(20), func(p chaos.Plan) bool { runs++; return has(p, []int{1, 5, 11}) }, 7)
	assert.Equal(t, 7, runs)
	assert.Equal(t, 7, got.Runs)
	assert.False(t, got.Minimal)
	assert.True(t, has(got.Plan, []int{1, 5, 11}), "what is left still fails")
}

func TestTheSamePlanIsNotTriedTwice(t *testing.T) {
	tried := map[string]int{}
	plans.Shrink(long(9), func(p chaos.Plan) bool { tried[text(t, p)]++; return has(p, []int{2, 6}) }, 1000)
	for p, n := range tried {
		assert.Equal(t, 1, n, p)
	}
}

// zoned is a cluster of two zones of three nodes each.
func zoned() chaos.Topology {
	t := clusters()[0]
	t.Late = nil
	for i := range t.Attributes {
		t.Attributes[i] = map[string]string{"zone": []string{"a", "b"}[i/3]}
	}
	return t
}

func TestAPlanMayTakeAZoneOrAsManyNodesAsTheBudgetSays(t *testing.T) {
	topology := zoned()
	b := plans.DefaultBudget(topology, span)
	b.Kinds, b.Ailing, b.Zone, b.Zones = []string{"node-loss", "partition"}, 1, "zone", 1
	g, err := plans.New(7, b, topology)
	require.NoError(t, err)
	whole, one, together := 0, 0, 0
	for round := range 60 {
		for _, p := range g.Round(round, []int{5, 5, 5, 5}, nil) {
			require.Empty(t, p.Plan.Check(topology, span), text(t, p.Plan))
			if b.Down(p.Plan.Entries, topology) > 1 {
				together++
				for i, e := range p.Plan.Entries {
					for _, other := range p.Plan.Entries[:i] {
						until := other.At.D() + other.Fault.Lasts()
						if e.Trigger != nil || other.Trigger != nil || until <= e.At.D() {
							continue
						}
						one, two := e.Fault.(chaos.Aiming).Aims()[0], other.Fault.(chaos.Aiming).Aims()[0]
						if one == "controller" || two == "controller" {
							continue // in no zone
						}
						zone, known := one.Attribute("zone", topology)
						same, too := two.Attribute("zone", topology)
						assert.True(t, known && too && zone == same, "of two zones, or of who knows which: %s", text(t, p.Plan))
					}
				}
			}
			for _, e := range p.Plan.Entries {
				switch e.Fault.(chaos.Aiming).Aims()[0] {
				case "zone=a", "zone=b":
					whole++
				case "node(zone=a)", "node(zone=b)":
					one++
				}
			}
		}
	}
	assert.Positive(t, whole)
	assert.Positive(t, one)
	assert.Positive(t, together, "nodes of one zone may ail beside each other")
	b.Zones = 0
	g, err = plans.New(7, b, topology)
	require.NoError(t, err)
	for round := range 20 {
		for _, p := range g.Round(round, []int{5, 5, 5, 5}, nil) {
			assert.LessOrEqual(t, b.Down(p.Plan.Entries, topology), 1, text(t, p.Plan))
		}
	}
}
