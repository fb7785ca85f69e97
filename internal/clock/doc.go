// Package clock is the only source of time, timers, waiting and concurrency for
// code that must run both in virtual and in real time: the controller, the
// key-value nodes, the scenario runner.
//
// Such code never starts a goroutine, selects on a channel or asks package time
// what o'clock it is. It asks a [Clock]. In a real process the clock is [Real];
// under the simulator it is a node's clock in virtual time, where everything
// started with Go or AfterFunc is a coroutine of which exactly one runs at a time.
//
// Contexts carry the identity of the process that runs: a process receives its
// context from Go or AfterFunc and must derive every context that it waits with
// from that one, by the clock's own WithTimeout and WithCancel (those of package
// context compare with the wall clock and start goroutines).
package clock
