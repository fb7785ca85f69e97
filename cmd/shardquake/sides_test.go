package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports/compare"
)

func TestASideIsAChangeOnEitherBackend(t *testing.T) {
	for text, want := range map[string]sideSpec{
		"a=sim":                                 {label: "a", backend: "sim"},
		"a=real":                                {label: "a", backend: "real"},
		"a=set:controller.policy=variance":      {label: "a", backend: "sim", set: []string{"controller.policy=variance"}},
		"a=real,set:faults=[{a: 1, b: 2}],x=1m": {label: "a", backend: "real", set: []string{"faults=[{a: 1, b: 2}]", "x=1m"}},
		"a=sim,set:x=1":                         {label: "a", backend: "sim", set: []string{"x=1"}},
	} {
		got, err := parseSide(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"a", "=sim", "a=real,", "a=real,x=1", "a=set:", "a=cloud,set:x=1", "a=real,bin:/no/such/program"} {
		_, err := parseSide(text)
		assert.Error(t, err, text)
	}
}

func TestOneChangeOnRealNodesIsComparedWithRealNodes(t *testing.T) {
	for text, want := range map[string]string{"a=real,set:x=1": "real", "a=set:x=1": "sim", "a=real": "sim"} {
		sides, err := (&compareFlags{sides: []string{text}, step: commandStep}).parseSides()
		require.NoError(t, err)
		require.Len(t, sides, 2)
		assert.Equal(t, want, sides[0].backend, text)
	}
}

func TestAProgramThatIsASideIsToldOnWhichNodesToRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the program of this test is a shell script")
	}
	dir := t.TempDir()
	program, told := filepath.Join(dir, "other"), filepath.Join(dir, "told")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" > "+told+"\necho it can not >&2\nexit 3\n"), 0o755)) //nolint:gosec // it is run
	for text, real := range map[string]bool{"a=bin:" + program: false, "a=sim,bin:" + program: false, "a=real,bin:" + program: true} {
		side, err := parseSide(text)
		require.NoError(t, err)
		_, err = sideRun{side: side, name: "one-node-lost", set: []string{"duration=40s"}, seed: 7}.run(t.Context(), compare.Origin{})
		require.ErrorContains(t, err, "left no report", "it says what the program said")
		require.ErrorContains(t, err, "it can not")
		words, err := os.ReadFile(told)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(words), "run one-node-lost -q --seed 7 --out "), "%s", words)
		assert.Contains(t, string(words), "--set duration=40s")
		assert.Equal(t, real, strings.Contains(string(words), "--backend real --no-sim"), "%s: %s", text, words)
	}
}

func TestRealAndSimulatedSidesOfSeveralKindsAreRefused(t *testing.T) {
	f := &compareFlags{sides: []string{"a=bin:/bin/sh", "b=real,bin:/bin/sh"}, step: commandStep}
	sides, err := f.parseSides()
	require.NoError(t, err)
	done, err := f.realAgainstSim(nil, sides, []string{"one-node-lost"})
	assert.True(t, done)
	assert.ErrorContains(t, err, "real against simulated nodes")
}
