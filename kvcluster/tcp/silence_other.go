//go:build !linux

package tcp

import (
	"syscall"
	"time"
)

// limitSilence leaves it to keep-alive probes to find a dead connection.
func limitSilence(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
