//go:build !unix

package cputime

import "time"

var processStart = time.Now() //determinism:allow wall-clock of benchmarks

// Used is time by the clock where the system tells nothing better.
func Used() time.Duration { return time.Since(processStart) }
