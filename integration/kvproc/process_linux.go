package kvproc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// attributes keep a node from the terminal's signals and from outliving this process.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitFrozen waits until all threads of a process have stopped.
func awaitFrozen(ctx context.Context, pid int) error {
	for ctx.Err() == nil {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		// The name before the state is in parentheses and may hold anything.
		if at := bytes.LastIndexByte(text, ')'); at >= 0 && bytes.HasPrefix(text[at:], []byte(") T")) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}
