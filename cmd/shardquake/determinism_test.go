package main

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where an interrupt stopped the runs says nothing of them: the check must not take it for
// the first event that differs.
func TestAnInterruptedCheckIsAbortedNotFailed(t *testing.T) {
	going, cancelled := t.Context(), func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}()
	exited := func(code string) error { return exec.Command("sh", "-c", "exit "+code).Run() }
	require.Error(t, exited("4"))

	assert.NoError(t, aborted(going, []error{nil, nil}))
	assert.NoError(t, aborted(going, []error{exited("2"), errors.New("killed")}))
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(aborted(cancelled, []error{nil, nil})))
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(aborted(going, []error{nil, exited("4")})), "the signal was here first")

	root := newRootCommand()
	root.SetArgs([]string{"run", "one-node-lost", "--check-determinism"})
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(root.ExecuteContext(cancelled)))
}
