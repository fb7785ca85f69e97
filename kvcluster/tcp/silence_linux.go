package tcp

import (
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7).
const tcpUserTimeout = 18

// limitSilence ends a connection whose bytes aren't acknowledged for so long. Without,
// TCP would go on for a quarter of an hour, at intervals of up to two minutes, in which a
// mended link stays silent.
func limitSilence(after time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(after.Milliseconds()))
		})
		if err != nil {
			return err
		}
		return failed
	}
}
