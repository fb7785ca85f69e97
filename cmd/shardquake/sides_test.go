package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
