//go:build unix

//determinism:realtime the command and its requests are of the machine's time

package foreign

import (
	"os/exec"
	"syscall"
)

// grouped gives a command a process group of its own: a shell that is killed leaves what it
// started running, so the group is killed as a whole.
func grouped(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// sweep ends what a command has left behind in its group.
func sweep(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // an empty group is no error here
