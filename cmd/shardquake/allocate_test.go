package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordedCases lie beside the package that plays them.
const recordedCases = "../../sim/elastic/allocation/cases/testdata/"

func allocate(t *testing.T, stdin string, args ...string) (out string, err error) {
	t.Helper()
	var b bytes.Buffer
	cmd := newAllocateCommand()
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&b)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(context.Background())
	return b.String(), err
}

func TestAllocateVerifiesRecordedDecisions(t *testing.T) {
	out, err := allocate(t, "", "--verify", recordedCases+"rebalance.jsonl", recordedCases+"disk.jsonl.gz")
	require.NoError(t, err)
	assert.Contains(t, out, "5 of 5 agree")
	assert.Contains(t, out, "disk")
}

func TestAllocateWritesDecisionsOfOneTypeFromStandardInput(t *testing.T) {
	written, err := allocate(t, "", "--type", "balanced", recordedCases+"fresh.jsonl")
	require.NoError(t, err)
	assert.Equal(t, 5, strings.Count(written, "\n"))
	assert.NotContains(t, written, "desired_balance")
	changed := strings.Replace(written, `"INITIALIZING"]`, `"RELOCATING"]`, 1)
	out, err := allocate(t, changed, "--verify")
	assert.Equal(t, exit.CodeFail, exit.CodeOf(err), "a difference is a failure")
	assert.Contains(t, out, "first difference in case")
}

func TestAllocateTellsBadInputFromDifferences(t *testing.T) {
	_, err := allocate(t, "{", "--verify")
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
	_, err = allocate(t, "", "--type", "other")
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
	_, err = allocate(t, "", "no-such-file")
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
}
