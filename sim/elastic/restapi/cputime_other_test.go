//go:build !unix

package restapi_test

import "time"

var processStart = time.Now()

// cpuTime is wall time where the system tells nothing better.
func cpuTime() time.Duration { return time.Since(processStart) }
