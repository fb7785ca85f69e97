package kvproc

import (
	"context"
	"os"
	"syscall"
)

// Windows has no signals that stop a process for a while: sending one is an error that
// says so.
const (
	freeze = syscall.Signal(19)
	thaw   = syscall.Signal(18)
)

// attributes keep a node from the console's signals. It may outlive this process if that
// is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// awaitFrozen has nothing to wait for.
func awaitFrozen(ctx context.Context, _ int) error { return ctx.Err() }

// exists reports whether there is a process of that number.
func exists(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return p.Release() == nil
}
