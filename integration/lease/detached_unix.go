//go:build unix

package lease

import "syscall"

// detached is a process in a session of its own: no signal of a terminal reaches it, and it
// goes on when its parent ends.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
