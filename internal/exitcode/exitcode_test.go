package exitcode_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/internal/exitcode"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

func TestAVerdictThatNobodySawIsNoPass(t *testing.T) {
	assert.Equal(t, exitcode.Pass, exitcode.OfVerdict(scenarios.Pass))
	assert.Equal(t, exitcode.Fail, exitcode.OfVerdict(scenarios.Fail))
	assert.Equal(t, exitcode.Unknown, exitcode.OfVerdict(scenarios.Unknown))
	assert.Equal(t, exitcode.Unknown, exitcode.OfVerdict(""))
}

func TestAnErrorsCodeSaysWhoseItIsHoweverOftenItIsWrapped(t *testing.T) {
	for want, err := range map[int]error{
		exitcode.Pass: nil, exitcode.Unavailable: scenarios.ErrUnavailable, exitcode.Aborted: scenarios.ErrAborted,
		exitcode.Usage: &source.Error{}, exitcode.Defect: errors.New("a pointer was nil"),
	} {
		if err != nil {
			err = fmt.Errorf("run: %w", fmt.Errorf("scenario: %w", err))
		}
		assert.Equal(t, want, exitcode.OfError(err), "%v", err)
	}
	assert.Equal(t, exitcode.Usage, exitcode.OfError(scenarios.ErrScenario))
	assert.Equal(t, exitcode.Unavailable, exitcode.OfError(errors.Join(scenarios.ErrAborted, scenarios.ErrUnavailable)), "what never began wasn't aborted")
}
