//go:build unix

package undo

import (
	"errors"
	"syscall"

	"github.com/shardquake/shardquake/chaos/journal"
)

// proceed lets a process go on that was stopped.
func proceed(p journal.Process) error {
	if !Lives(p) {
		return nil
	}
	if err := syscall.Kill(p.PID, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
