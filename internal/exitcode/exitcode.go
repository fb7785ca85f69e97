// Package exitcode has the exit codes of programs that run scenarios.
package exitcode

import (
	"errors"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

// The codes.
const (
	Pass        = 0
	Fail        = 1 // an expectation failed
	Usage       = 2 // bad file or usage
	Unavailable = 3 // the backend is not available or lacks a fault
	Aborted     = 4
	Unknown     = 5 // nothing failed but something is unknown
	NotKept     = 6 // the answer stands and is told, but its files could not be written
	Defect      = 70
)

// OfVerdict is the code of a run's answer.
func OfVerdict(v scenarios.Verdict) int {
	switch v {
	case scenarios.Pass:
		return Pass
	case scenarios.Fail:
		return Fail
	}
	return Unknown
}

// OfError is the code of what kept a run from an answer.
func OfError(err error) int {
	var badFile *source.Error
	switch {
	case err == nil:
		return Pass
	case errors.Is(err, scenarios.ErrUnavailable):
		return Unavailable
	case errors.Is(err, scenarios.ErrAborted):
		return Aborted
	case errors.As(err, &badFile), errors.Is(err, scenarios.ErrScenario):
		return Usage
	}
	return Defect
}
