package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/determinism"
)

func TestAPackageWithoutFindingsGivesStatusZeroAndAClosingLine(t *testing.T) {
	var out, errs bytes.Buffer
	status := run([]string{"github.com/shardquake/shardquake/internal/determinism"}, &out, &errs)
	assert.Zero(t, status, errs.String())
	assert.Equal(t, "detcheck: no findings in 0 packages\n", out.String(), "the analyzer itself is held to no rules")
}

func TestWhatCanNotBeAnalysedGivesStatusTwo(t *testing.T) {
	var out, errs bytes.Buffer
	assert.Equal(t, 2, run([]string{"-nonsense"}, &out, &errs))
	assert.Contains(t, errs.String(), "usage: detcheck")
}

func TestTheRulesAndTheScopeAreListed(t *testing.T) {
	var out, errs bytes.Buffer
	require.Zero(t, run([]string{"-rules"}, &out, &errs))
	require.Zero(t, run([]string{"-scope"}, &out, &errs))
	for _, r := range determinism.Rules {
		assert.Contains(t, out.String(), r.Name)
	}
	for _, s := range determinism.Packages {
		assert.Contains(t, out.String(), s.Path+"/...")
	}
}

func TestEditsAreAppliedFromTheEndAndOverlapsLeftForTheNextRound(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.go")
	require.NoError(t, os.WriteFile(name, []byte("package a\n\nvar r = x*y + z*w\n"), 0o600))
	at := func(text string) int { return bytes.Index([]byte("package a\n\nvar r = x*y + z*w\n"), []byte(text)) }
	err := rewrite(name, []edit{
		{at("x*y"), at("x*y"), []byte("float64(")},
		{at(" + "), at(" + "), []byte(")")},
		{at("z*w"), at("z*w") + 3, []byte("float64(z*w)")},
		{at("y + z"), at("z*w") + 1, []byte("nothing")},
	})
	require.NoError(t, err)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "package a\n\nvar r = float64(x*y) + float64(z*w)\n", string(text))
}
