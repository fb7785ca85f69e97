// Package clock names the clock of the key-value store for programs that want one of their
// own: a test that moves time by hand, a program that runs under the simulator. All others
// need none, as a client without a clock takes the machine's.
package clock

import "github.com/shardquake/shardquake/internal/clock"

// Clock is one node's or one client's view of time and its way to wait.
type Clock = clock.Clock

// Timer is a pending call of a Clock's AfterFunc.
type Timer = clock.Timer

// Event happens once; any number of processes may wait for it.
type Event = clock.Event

// Group counts processes and waits until all of them are done.
type Group = clock.Group

// Mutex is a lock that may be held while its holder waits.
type Mutex = clock.Mutex

// Real is the clock of the machine.
type Real = clock.Real

// NewReal makes a clock that starts now; the seed feeds its random streams.
func NewReal(seed uint64) *Real { return clock.NewReal(seed) }

// System makes the machine's clock, with random streams that differ at every start.
func System() *Real { return clock.System() }
