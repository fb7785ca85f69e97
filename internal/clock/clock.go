package clock

import (
	"context"
	"math/rand/v2"
	"time"
)

// Clock is one node's or one client's view of time and its way to wait.
// All durations are in the clock's own time: virtual under the simulator.
type Clock interface {
	// Now is the wall-clock time of the node. It may jump when a fault makes it.
	Now() time.Time
	// Monotonic is the time since the clock was made. It never jumps.
	Monotonic() time.Duration
	// Sleep waits for d. It returns ctx's error when ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// AfterFunc runs f as a process of its own once d has passed. Its context
	// ends when parent ends.
	AfterFunc(parent context.Context, d time.Duration, name string, f func(ctx context.Context)) Timer
	// Go runs f as a process of its own. Its context ends when parent ends.
	Go(parent context.Context, name string, f func(ctx context.Context))
	// WithTimeout is context.WithTimeout in this clock's time.
	WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc)
	// WithCancel is context.WithCancel for contexts of this clock.
	WithCancel(parent context.Context) (context.Context, context.CancelFunc)
	// WithoutCancel is context.WithoutCancel for contexts of this clock: for undoing
	// what was begun under a context that has ended.
	WithoutCancel(parent context.Context) context.Context
	// NewEvent makes an event that has not happened yet.
	NewEvent() Event
	// NewGroup makes an empty group of processes to wait for.
	NewGroup() Group
	// NewMutex makes a mutex that may be held while waiting.
	NewMutex() Mutex
	// Rand is the random stream of this name, the same object at every call.
	// Under the simulator it is derived from the run's seed.
	Rand(name string) *rand.Rand
}

// Timer is a pending AfterFunc.
type Timer interface {
	// Stop prevents the function from running. It reports false when the
	// function has started already or was stopped before.
	Stop() bool
}

// Event happens once; any number of processes may wait for it.
type Event interface {
	Set()
	IsSet() bool
	// Wait returns nil once the event has happened, or ctx's error.
	Wait(ctx context.Context) error
}

// Group counts processes and waits until all of them are done.
type Group interface {
	// Go runs f as a process that belongs to the group.
	Go(parent context.Context, name string, f func(ctx context.Context))
	// Wait returns nil when no process of the group is left, or ctx's error.
	Wait(ctx context.Context) error
}

// Mutex is a lock that may be held while its holder waits. Waiters get it in the
// order in which they came.
type Mutex interface {
	// Lock returns ctx's error, without the lock, when ctx ends first.
	Lock(ctx context.Context) error
	Unlock()
}
