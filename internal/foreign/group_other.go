//go:build !unix

//determinism:realtime the command and its requests are of the machine's time

package foreign

import "os/exec"

// grouped does nothing where there are no process groups: the command itself is killed.
func grouped(*exec.Cmd) {}

func sweep(*exec.Cmd) {}
