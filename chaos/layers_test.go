package chaos_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
)

// environment is a cluster that has settings, and clocks that can be set.
type environment struct {
	*fakeTarget
	values map[string]string // "index/key"
	offset map[string]time.Duration
}

func newEnvironment() *environment {
	return &environment{fakeTarget: newFake(), values: map[string]string{}, offset: map[string]time.Duration{}}
}

func (a *environment) target() chaos.Target { return chaos.Target{Settings: a, Clocks: a} }

func (a *environment) Read(_ context.Context, of chaos.Scope, keys []string) (map[string]string, error) {
	out := map[string]string{}
	for _, k := range keys {
		out[k] = a.values[of.Index+"/"+k]
	}
	return out, nil
}

func (a *environment) Write(_ context.Context, of chaos.Scope, values map[string]string) error {
	for k, v := range values {
		if v == "" {
			delete(a.values, of.Index+"/"+k)
			continue
		}
		a.values[of.Index+"/"+k] = v
	}
	return nil
}

func (a *environment) Jump(_ context.Context, endpoint string, by time.Duration) error {
	a.offset[endpoint] += by
	return nil
}

func (a *environment) Offset(_ context.Context, endpoint string) (time.Duration, error) {
	return a.offset[endpoint], nil
}

func TestOverlappingChangesOfSettingsLeaveEachOtherInForce(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		target := newEnvironment()
		target.values["/rate"], target.values["logs/rate"] = "40mb", "1"
		in := injector(target)
		first := in.Strike(t.Context(), read(t, "{at: 1s, settings: {set: {rate: 10mb, other: x}, for: 5s}}").Fault)
		second := in.Strike(t.Context(), read(t, "{at: 2s, settings: {set: {rate: 5mb}, for: 5s}}").Fault)
		elsewhere := in.Strike(t.Context(), read(t, "{at: 2s, settings: {index: logs, set: {rate: 2}, for: 5s}}").Fault)
		for _, a := range []*chaos.Active{first, second, elsewhere} {
			require.True(t, a.Record.Injected, a.Record.Error)
		}
		both := []*chaos.Active{first, second}
		want := []string{"5mb", "10mb"}[order[0]] // what is left when one of them has healed
		require.NoError(t, both[order[0]].Heal(t.Context()))
		assert.Equal(t, want, target.values["/rate"])
		require.NoError(t, both[order[1]].Heal(t.Context()))
		require.NoError(t, elsewhere.Heal(t.Context()))
		assert.Equal(t, map[string]string{"/rate": "40mb", "logs/rate": "1"}, target.values, "all is as before")
		for _, a := range []*chaos.Active{first, second, elsewhere} {
			require.Len(t, a.Record.Gone, 1)
			assert.True(t, a.Record.Gone[0].Shown, a.Record.Gone[0].Saw)
		}
	}
}

func TestAClockIsSetForwardOrBackAndSetRight(t *testing.T) {
	target := newEnvironment()
	for text, off := range map[string]time.Duration{
		"{at: 1s, clock-jump: {forward: 1h, for: 5s}}": time.Hour,
		"{at: 1s, clock-jump: {back: 90s, for: 5s}}":   -90 * time.Second,
	} {
		a := injector(target).Strike(t.Context(), read(t, text).Fault)
		require.True(t, a.Record.Injected, a.Record.Error)
		assert.Equal(t, off, target.offset["controller"])
		require.NoError(t, a.Heal(t.Context()))
		assert.True(t, a.Record.Shown())
		assert.True(t, a.Record.Gone[0].Shown)
		assert.Zero(t, target.offset["controller"])
	}
	err := chaos.Supports(read(t, "{at: 1s, clock-jump: {forward: 1h}}").Fault, newFake().target(), topology)
	require.ErrorIs(t, err, chaos.ErrUnsupported)
	assert.ErrorContains(t, err, "no control over clocks")
}

func TestFaultsOfTheControllersEnvironmentAreChecked(t *testing.T) {
	with := topology
	with.Controllers = []string{"controller", "controller-2"}
	for text, want := range map[string]string{
		"{at: 1s, api-errors: {answer: 500}}":                            `unknown answer "500"`,
		"{at: 1s, api-errors: {answer: none, retry-after: 2s}}":          "only a 429 or 503",
		"{at: 1s, api-errors: {answer: 429, retry-after: 1500ms}}":       "whole seconds",
		"{at: 1s, api-errors: {answer: 429, share: 0%}}":                 "meets no call",
		"{at: 1s, api-errors: {answer: lost, calls: write}}":             `unknown kind of calls "write"`,
		"{at: 1s, api-errors: {answer: lost, nodes: [n9]}}":              `no node "n9"`,
		"{at: 1s, api-errors: {answer: lost, controller: controller-9}}": "controller-2",
		"{at: 1s, clock-jump: {forward: 1h, back: 1h}}":                  "either forward: or back:",
		"{at: 1s, clock-jump: {}}":                                       "either forward: or back:",
		"{at: 1s, clock-jump: {controller: contrller, forward: 1h}}":     `did you mean "controller"`,
	} {
		ps := read(t, text).Fault.Check(with)
		require.NotEmpty(t, ps, text)
		assert.Contains(t, ps[0].Message, want)
	}
	r, err := read(t, "{at: 1s, api-errors: {answer: 503, nodes: [zone=b], share: 25%}}").Fault.Resolve(fixedView{})
	require.NoError(t, err)
	require.Len(t, r.Primitives, 2)
	assert.Equal(t, "n2 answers 503 to controller", r.Primitives[0].String())
	assert.ErrorContains(t, r.Primitives[0].Needs(newFake().target()), "no control over the answers of nodes")
	none := read(t, "{at: 1s, api-errors: {answer: 503}}").Fault.Check(topology)
	require.NotEmpty(t, none)
	assert.Contains(t, none[0].Message, "no controller")
}
