//go:build !unix

package undo

import (
	"errors"

	"github.com/shardquake/shardquake/chaos/journal"
)

// proceed has no signal to send.
func proceed(journal.Process) error {
	return errors.New("this system has no signal that lets a process go on")
}
