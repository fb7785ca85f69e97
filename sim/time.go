package sim

import (
	"math"
	"time"
)

// Time is a point in virtual time: nanoseconds since its start.
type Time int64

// Never is later than every event.
const Never Time = math.MaxInt64

// Add is t plus d. It saturates at [Never] and doesn't go below zero.
func (t Time) Add(d time.Duration) Time {
	s := t + Time(d)
	if d > 0 && s < t {
		return Never
	}
	if s < 0 {
		return 0
	}
	return s
}

// Sub is the duration from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Duration is the time since the start of virtual time.
func (t Time) Duration() time.Duration { return time.Duration(t) }

// String formats t as a duration since the start.
func (t Time) String() string {
	if t == Never {
		return "never"
	}
	return time.Duration(t).String()
}
