// Package sim is virtual time: a deterministic discrete-event engine and the
// things that a simulated cluster is made of besides its own logic.
//
// # Engine
//
// An [Engine] runs events in exact order of time and, for equal times, of the
// order in which they were asked for. It is single-threaded: everything below
// happens inside [Engine.Run] and none of it may be called from another goroutine
// (except [Engine.Interrupt]). Events are values of 24 bytes without pointers, {time,
// sequence number, kind and argument}, dispatched through a table of handlers
// ([Engine.Register]); posting and running one allocates nothing. Entities by the
// thousand are such state machines. [Engine.After] is the convenience for what is
// rare.
//
// # Processes
//
// Code that blocks, like a controller behind a real HTTP client, runs as a
// [Process]: a coroutine of which exactly one runs at a time, started by
// [Engine.Go] or by a node's [Clock], which implements clock.Clock. It waits by
// sleeping, or on an [Event], a group, a mutex; model code may [Process.Park] the
// caller and [Process.Wake] it. A wake-up is an event of its own at the current
// time, so the order of wake-ups is the order in which they were caused. A panic
// in a process ends the run with an error that names it. A watchdog, the one user
// of the machine's clock in this package, names a process that blocks outside
// virtual time.
//
// # Randomness and the trace hash
//
// [Engine.Stream] derives one PCG stream per purpose and entity from the run's
// seed, so that adding an entity does not shift another's numbers. Every event is
// mixed into a rolling 64-bit hash ([Engine.TraceHash]), together with what models
// observe by [Engine.Note]; [Engine.OnEvent] taps the same sequence so that two
// runs can be compared and the first difference named.
//
// # Fluid, network, disks
//
// A [Fluid] shares capacities among flows by max-min fairness in integer
// arithmetic. A [Network] puts endpoints, directed links, cuts and shapes on it, a
// [Disk] throughput and space.
package sim
