//go:build unix && !linux

package kvproc

import (
	"context"
	"syscall"
)

// attributes keep a node from the terminal's signals. It may outlive this process if that
// is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitFrozen has no way to look.
func awaitFrozen(ctx context.Context, _ int) error { return ctx.Err() }
