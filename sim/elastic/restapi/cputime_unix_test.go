//go:build unix

package restapi_test

import (
	"syscall"
	"time"
)

// cpuTime is what the process has used so far, on all cores. Elasticsearch's figures
// are CPU time too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
