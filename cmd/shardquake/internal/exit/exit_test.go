package exit

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

func TestWrongWordsAndMissingFilesAreTheCallers(t *testing.T) {
	for _, err := range []error{
		errors.New(`unknown command "rn" for "shardquake"`), errors.New("accepts 1 arg(s), received 0"), errors.New("requires at least 1 arg"),
		Usagef("no such seed"), fmt.Errorf("read: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}),
	} {
		assert.Equal(t, CodeUsage, CodeOf(err), "%v", err)
	}
	assert.Equal(t, CodePass, CodeOf(nil))
	assert.Equal(t, CodeDefect, CodeOf(errors.New("nil map")))
	assert.NoError(t, Usage(nil))
}

func TestAVerdictEndsTheCommandWithoutAnotherWord(t *testing.T) {
	require.NoError(t, VerdictError(scenarios.Pass))
	err := VerdictError(scenarios.Fail)
	assert.Equal(t, CodeFail, CodeOf(err))
	assert.Empty(t, err.Error(), "the summary has told it")
	kept := NotKept(scenarios.Pass, fs.ErrPermission)
	assert.Equal(t, CodeNotKept, CodeOf(kept))
	assert.ErrorContains(t, kept, "the verdict is pass")
	assert.ErrorIs(t, kept, fs.ErrPermission)
}

func TestAMisspeltFlagGetsTheNearestName(t *testing.T) {
	cmd := &cobra.Command{Use: "run", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return nil }}
	cmd.Flags().String("seed", "", "")
	cmd.SetFlagErrorFunc(WithNearestFlag)
	cmd.SetArgs([]string{"--sed", "1"})
	assert.ErrorContains(t, cmd.Execute(), "did you mean --seed?")
	cmd.SetArgs([]string{"--entirely-else"})
	assert.ErrorContains(t, cmd.Execute(), "--help lists those there are")
	cmd.SetArgs([]string{"-x"})
	assert.NotContains(t, cmd.Execute().Error(), "did you mean")
}
