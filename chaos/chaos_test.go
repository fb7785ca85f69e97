package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
)

// fakeTarget is a cluster of booleans.
type fakeTarget struct {
	cuts    map[[2]string]chaos.CutMode
	shapes  map[[2]string]chaos.Shape
	procs   map[string]chaos.ProcessState
	ballast map[string]int64
	failOn  string // the action on this node or link fails
	deaf    bool   // actions succeed and do nothing
	undone  []string
}

func newFake() *fakeTarget {
	return &fakeTarget{cuts: map[[2]string]chaos.CutMode{}, shapes: map[[2]string]chaos.Shape{}, procs: map[string]chaos.ProcessState{}, ballast: map[string]int64{}}
}

// target is what it can do: links and processes.
func (f *fakeTarget) target() chaos.Target { return chaos.Target{Links: f, Processes: f} }

func (f *fakeTarget) SupportsShape(s chaos.Shape) error {
	if s.Bandwidth > 0 && !s.PerConnection {
		return errors.New("bandwidth holds per connection here")
	}
	return nil
}

func (f *fakeTarget) act(on string, do func()) error {
	if on == f.failOn {
		return errors.New("no way")
	}
	if !f.deaf {
		do()
	}
	return nil
}

func (f *fakeTarget) Cut(_ context.Context, a, b string, m chaos.CutMode) error {
	return f.act(a+">"+b, func() { f.cuts[[2]string{a, b}] = m })
}

func (f *fakeTarget) Mend(_ context.Context, a, b string) error {
	if f.failOn == "mend "+a+">"+b {
		return errors.New("no way")
	}
	f.undone = append(f.undone, a+">"+b)
	delete(f.cuts, [2]string{a, b})
	return nil
}

func (f *fakeTarget) Shape(_ context.Context, a, b string, s chaos.Shape) error {
	return f.act(a+">"+b, func() { f.shapes[[2]string{a, b}] = s })
}

func (f *fakeTarget) Unshape(_ context.Context, a, b string) error {
	delete(f.shapes, [2]string{a, b})
	return nil
}

func (f *fakeTarget) Probe(_ context.Context, a, b string) (chaos.LinkProbe, error) {
	there, back := f.cuts[[2]string{a, b}], f.cuts[[2]string{b, a}]
	lag := f.shapes[[2]string{a, b}].Latency + f.shapes[[2]string{b, a}].Latency
	return chaos.LinkProbe{State: max(there, back), RoundTrip: time.Millisecond + lag}, nil
}

func (f *fakeTarget) set(n string, s chaos.ProcessState) error {
	return f.act(n, func() { f.procs[n] = s })
}
func (f *fakeTarget) Kill(_ context.Context, n string) error   { return f.set(n, chaos.Exited) }
func (f *fakeTarget) Stop(_ context.Context, n string) error   { return f.set(n, chaos.Exited) }
func (f *fakeTarget) Start(_ context.Context, n string) error  { return f.set(n, chaos.Running) }
func (f *fakeTarget) Pause(_ context.Context, n string) error  { return f.set(n, chaos.Paused) }
func (f *fakeTarget) Resume(_ context.Context, n string) error { return f.set(n, chaos.Running) }
func (f *fakeTarget) State(_ context.Context, n string) (chaos.ProcessState, error) {
	return f.procs[n], nil
}

type fixedView struct{ master string }

var topology = chaos.Topology{
	Nodes: []string{"n1", "n2", "n3"}, Viewers: []string{"controller", "client"},
	Attributes: []map[string]string{{"zone": "a"}, {"zone": "b"}, {"zone": "b"}},
	Indices:    []chaos.IndexShape{{Name: "logs", Shards: 3, Replicas: 1}},
}

func (fixedView) Topology() chaos.Topology   { return topology }
func (v fixedView) Master() string           { return v.master }
func (fixedView) Primary(string, int) string { return "n3" }
func (fixedView) Replica(string, int) string { return "n2" }
func (fixedView) Lives(string) bool          { return true }
func (fixedView) Copies(node string) int     { return map[string]int{"n1": 4, "n2": 7, "n3": 2}[node] }
func (fixedView) DiskUsed(node string) (float64, bool) {
	return map[string]float64{"n1": 50, "n2": 20, "n3": 80}[node], true
}

// fake is a cluster that says what can be done to it.
type fake interface{ target() chaos.Target }

func injector(t fake) *chaos.Injector {
	return &chaos.Injector{Clock: clock.NewReal(1), Target: t.target(), View: fixedView{"n2"}, ProbeLimit: time.Second}
}

func read(t *testing.T, text string) chaos.Entry {
	t.Helper()
	var e chaos.Entry
	require.NoError(t, yaml.Unmarshal([]byte(text), &e))
	return e
}

func strike(t *testing.T, target *fakeTarget, text string) *chaos.Active {
	t.Helper()
	a := injector(target).Strike(t.Context(), read(t, text).Fault)
	require.NoError(t, a.Settle(t.Context()))
	return a
}

func TestAPartitionCutsEveryLinkBetweenTheSidesAndHealingMendsThem(t *testing.T) {
	target := newFake()
	a := strike(t, target, "{at: 1s, partition: {between: [n1], and: [rest], mode: blackhole}}")
	assert.Equal(t, map[[2]string]chaos.CutMode{
		{"n1", "n2"}: chaos.Blackhole, {"n2", "n1"}: chaos.Blackhole,
		{"n1", "n3"}: chaos.Blackhole, {"n3", "n1"}: chaos.Blackhole,
	}, target.cuts)
	assert.True(t, a.Record.Shown())
	assert.Equal(t, []string{"n1"}, a.Record.Victims)
	require.NoError(t, a.Heal(t.Context()))
	assert.Empty(t, target.cuts)
	for _, g := range a.Record.Gone {
		assert.True(t, g.Shown, g.What)
	}
	assert.Equal(t, []string{"n3>n1", "n1>n3", "n2>n1", "n1>n2"}, target.undone, "undone in reverse order")
	require.NoError(t, a.Heal(t.Context()), "a second healing does nothing")
	assert.Len(t, target.undone, 4)
}

func TestAOneWayCutStopsOneDirectionOnly(t *testing.T) {
	target := newFake()
	strike(t, target, "{at: 1s, partition: {between: [n1], and: [n2], mode: blackhole, one-way: true}}")
	assert.Equal(t, map[[2]string]chaos.CutMode{{"n1", "n2"}: chaos.Blackhole}, target.cuts)
}

func TestViewersHaveNoLinkWithEachOther(t *testing.T) {
	target := newFake()
	strike(t, target, "{at: 1s, partition: {between: [n1, controller], and: [n2, client], mode: blackhole, one-way: true}}")
	assert.Equal(t, map[[2]string]chaos.CutMode{
		{"n1", "n2"}: chaos.Blackhole, {"n1", "client"}: chaos.Blackhole, {"controller", "n2"}: chaos.Blackhole,
	}, target.cuts)
}

func TestSelectorsMeanWhatTheClusterSaysWhenTheFaultStrikes(t *testing.T) {
	for text, want := range map[string][]string{
		"{at: 1s, node-loss: {node: master}}":            {"n2"},
		"{at: 1s, node-loss: {node: follower}}":          {"n1"},
		"{at: 1s, node-loss: {node: zone=b}}":            {"n2", "n3"},
		`{at: 1s, node-loss: {node: "primary(logs,2)"}}`: {"n3"},
		"{at: 1s, node-loss: {nodes: [n1, master, n1]}}": {"n1", "n2"},
	} {
		a := strike(t, newFake(), text)
		assert.Equal(t, want, a.Record.Victims, text)
		assert.True(t, a.Record.Shown(), text)
	}
}

func TestAFaultThatDoesNothingIsNotShown(t *testing.T) {
	target := newFake()
	target.deaf = true
	for _, text := range []string{
		"{at: 1s, node-loss: {node: n1}}",
		"{at: 1s, node-loss: {node: n1, how: pause}}",
		"{at: 1s, partition: {between: [n1], and: [n2]}}",
		"{at: 1s, link: {between: [n1], and: [n2], latency: 50ms}}",
	} {
		a := strike(t, target, text)
		assert.True(t, a.Record.Injected, text)
		assert.False(t, a.Record.Shown(), text)
	}
}

func TestAFaultThatFailsHalfWayLeavesNothingBehind(t *testing.T) {
	target := newFake()
	target.failOn = "n3>n1"
	a := strike(t, target, "{at: 1s, partition: {between: [n1], and: [n2, n3]}}")
	assert.False(t, a.Record.Injected)
	assert.Contains(t, a.Record.Error, "cut n3→n1 (reset): no way")
	assert.Empty(t, target.cuts)
	assert.False(t, a.Healing())
}

func TestATargetThatLacksAPrimitiveRefusesTheFaultBeforeTheRun(t *testing.T) {
	err := chaos.Supports(read(t, "{at: 1s, disk-pressure: {node: n1, to: 92%}}").Fault, newFake().target(), topology)
	require.ErrorIs(t, err, chaos.ErrUnsupported)
	assert.ErrorContains(t, err, "no control over disks")
	err = chaos.Supports(read(t, "{at: 1s, link: {between: [n1], and: [n2], bandwidth: 5mb/s}}").Fault, newFake().target(), topology)
	assert.ErrorContains(t, err, "bandwidth holds per connection here")
	assert.NoError(t, chaos.Supports(read(t, "{at: 1s, node-loss: {node: master}}").Fault, newFake().target(), topology))
}

func TestWhatIsWrongWithAPlanIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"{at: 1s, node-loss: {node: n4}}":                                               `$.faults[0].node-loss.node: there is no node "n4"; did you mean "n1"?`,
		"{at: 1s, node-loss: {node: controller}}":                                       `$.faults[0].node-loss.node: "controller" is not a node`,
		"{at: 1s, node-loss: {}}":                                                       `$.faults[0].node-loss: node-loss names no node`,
		"{at: 1s, node-loss: {node: n1, how: kil}}":                                     `$.faults[0].node-loss.how: unknown way to lose a node "kil"; did you mean "kill"?`,
		"{at: 1s, node-loss: {node: zone=c}}":                                           `no node has zone=c (values: a, b)`,
		"{at: 1s, node-loss: {node: rack=c}}":                                           `unknown attribute "rack" (expected one of: zone)`,
		`{at: 1s, node-loss: {node: "primary(logs,3)"}}`:                                `there is no shard 3 of "logs"; expected 0 to 2`,
		`{at: 1s, node-loss: {node: "primary(log,0)"}}`:                                 `unknown index "log"; did you mean "logs"?`,
		"{at: 2h, node-loss: {node: n1}}":                                               `$.faults[0].at: the fault strikes at 2h, but the run ends at 1h`,
		"{at: 1s, partition: {between: [n1], and: [n1]}}":                               `n1 stands on both sides`,
		"{at: 1s, partition: {between: [n1], and: []}}":                                 `and names nobody`,
		"{at: 1s, partition: {between: [rest], and: [rest]}}":                           `"rest" means something only`,
		"{at: 1s, partition: {between: [n1], and: [n2], one-way: true}}":                `a one-way cut drops silently`,
		"{at: 1s, partition: {between: [controller], and: [client]}}":                   `nothing travels between viewers`,
		"{at: 1s, link: {between: [n1], and: [n2]}}":                                    `the link would stay as it is`,
		"{at: 1s, link: {between: [n1], and: [n2], latency: 1s, per-connection: true}}": `there is none`,
		"{at: 1s, disk-pressure: {node: n1}}":                                           `disk-pressure needs a level`,
	} {
		ps := chaos.Plan{Entries: []chaos.Entry{read(t, text)}}.Check(topology, time.Hour)
		require.NotEmpty(t, ps, text)
		assert.Contains(t, ps[0].Path+": "+ps[0].Message, want, text)
	}
}

func TestAFaultThatCanNotBeReadSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"{at: 1s, node-lost: {node: n1}}":             `unknown fault "node-lost"; did you mean "node-loss"?`,
		"{node-loss: {node: n1}}":                     "the fault has no time",
		"{at: 1s}":                                    "no fault is named",
		"{at: 1, node-loss: {node: n1}}":              `"1" is not a duration`,
		"{at: 1s, node-loss: {nod: n1}}":              `unknown key "nod"; did you mean "node"?`,
		"{at: 1s, node-loss: {node: n1}, link: {}}":   "two faults in one entry",
		"{at: 1s, disk-pressure: {node: n1, to: 92}}": `"92" is not a percentage`,
		"[1]": "expected a fault such as",
	} {
		var e chaos.Entry
		err := yaml.Unmarshal([]byte(text), &e)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
}

func TestAPlanSurvivesItsJSON(t *testing.T) {
	plan := chaos.Plan{Entries: []chaos.Entry{
		read(t, "{at: 90s, partition: {between: [n1], and: [n2, n3], mode: blackhole, for: 45s}}"),
		read(t, "{at: 2m, link: {between: [n1], and: [n2], latency: 50ms, bandwidth: 5mb/s, per-connection: true}}"),
		read(t, "{at: 3m, disk-pressure: {node: n3, to: 92.5%, for: 1m}}"),
		read(t, "{at: 4m, node-loss: {nodes: [n1], how: pause}}"),
	}}
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var again chaos.Plan
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, plan, again)
}

// administered is a fake whose settings can be changed.
type administered struct {
	*fakeTarget
	values map[string]string
}

func (a administered) target() chaos.Target { return chaos.Target{Links: a, Processes: a, Settings: a} }

func (a administered) Read(_ context.Context, of chaos.Scope, keys []string) (map[string]string, error) {
	out := make(map[string]string)
	for _, k := range keys {
		out[k] = a.values[of.Index+"/"+k]
	}
	return out, nil
}

func (a administered) Write(_ context.Context, of chaos.Scope, values map[string]string) error {
	return a.act("settings", func() {
		for k, v := range values {
			a.values[of.Index+"/"+k] = v
		}
	})
}

func TestSettingsChangeAndAreAsBeforeAfterHealing(t *testing.T) {
	target := administered{newFake(), map[string]string{"logs/index.number_of_replicas": "1"}}
	a := injector(target).Strike(t.Context(), read(t, `{at: 1s, settings: {index: logs, set: {index.number_of_replicas: "2"}, for: 5s}}`).Fault)
	require.NoError(t, a.Settle(t.Context()))
	assert.Equal(t, "2", target.values["logs/index.number_of_replicas"])
	assert.True(t, a.Record.Shown())
	require.NoError(t, a.Heal(t.Context()))
	assert.Equal(t, "1", target.values["logs/index.number_of_replicas"])
	assert.True(t, a.Record.Gone[0].Shown)
}

func TestASettingThatDidNotTakeIsNotShown(t *testing.T) {
	target := administered{newFake(), map[string]string{}}
	target.deaf = true
	a := injector(target).Strike(t.Context(), read(t, `{at: 1s, settings: {set: {cluster.routing.rebalance.enable: none}}}`).Fault)
	require.NoError(t, a.Settle(t.Context()))
	assert.False(t, a.Record.Shown())
	assert.True(t, chaos.ForGood(a.Record.Params))
}

func TestATargetWithoutSettingsRefusesToChangeThem(t *testing.T) {
	err := chaos.Supports(&chaos.SettingsChange{Set: map[string]string{"cluster.routing.rebalance.enable": "none"}}, newFake().target(), topology)
	assert.ErrorIs(t, err, chaos.ErrUnsupported)
}

func TestALateNodeJoinsOnceAndForGood(t *testing.T) {
	target := newFake()
	target.procs["n3"] = chaos.Exited
	a := strike(t, target, "{at: 1s, node-join: {node: n3}}")
	assert.True(t, a.Record.Injected)
	assert.Equal(t, chaos.Running, target.procs["n3"])
	assert.True(t, chaos.ForGood(a.Record.Params))
	again := strike(t, target, "{at: 1s, node-join: {node: n3}}")
	assert.False(t, again.Record.Injected, "it runs already")
}

func TestOnlyLateNodesJoinAndSettingsNameSomething(t *testing.T) {
	late := topology
	late.Late = []string{"n3"}
	assert.Empty(t, (&chaos.NodeJoin{Node: "n3"}).Check(late))
	assert.NotEmpty(t, (&chaos.NodeJoin{Node: "n1"}).Check(late))
	assert.NotEmpty(t, (&chaos.NodeJoin{Node: "n3"}).Check(topology), "all are there from the start")
	assert.NotEmpty(t, (&chaos.SettingsChange{}).Check(topology))
	assert.NotEmpty(t, (&chaos.SettingsChange{Index: "nope", Set: map[string]string{"a": "b"}}).Check(topology))
}

func TestWhatCouldNotBeHealedIsHealedTheNextTime(t *testing.T) {
	target := newFake()
	a := strike(t, target, "{at: 1s, partition: {between: [n1], and: [n2, n3]}}")
	target.failOn = "mend n2>n1"
	require.ErrorContains(t, a.Heal(t.Context()), "healing cut n2→n1")
	assert.Negative(t, a.Record.HealedAt, "the fault is still in force")
	assert.Equal(t, map[[2]string]chaos.CutMode{{"n2", "n1"}: chaos.Reset}, target.cuts)
	target.failOn = ""
	require.NoError(t, a.Heal(t.Context()))
	assert.Empty(t, target.cuts)
	assert.GreaterOrEqual(t, a.Record.HealedAt, time.Duration(0))
	assert.Empty(t, a.Record.Error)
}

func TestOfTwoFaultsOnOneLinkTheLastToHealMendsIt(t *testing.T) {
	target := newFake()
	in := injector(target)
	in.Zero = in.Clock.Monotonic()
	long := in.Strike(t.Context(), read(t, "{at: 1s, partition: {between: [n1], and: [n2], for: 60s}}").Fault)
	short := in.Strike(t.Context(), read(t, "{at: 2s, partition: {between: [n1], and: [n2, n3], for: 10s}}").Fault)
	require.NoError(t, short.Heal(t.Context()))
	assert.Equal(t, map[[2]string]chaos.CutMode{{"n1", "n2"}: chaos.Reset, {"n2", "n1"}: chaos.Reset}, target.cuts)
	assert.Equal(t, "in its place is again: cut n1→n2 (reset): a round trip n1→n2: refused", short.Record.Gone[0].Saw)
	assert.Contains(t, short.Record.Gone[2].Saw, "answered", "n3 is nobody else's")
	require.NoError(t, long.Heal(t.Context()))
	assert.Empty(t, target.cuts)
}
