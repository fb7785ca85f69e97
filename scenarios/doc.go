// Package scenarios reads scenario files, runs them on a backend and judges what
// happened.
//
// A scenario says what the cluster is, what load it bears, which controller looks
// after it, which faults strike and what must hold (see [Scenario] for the file).
// The [Runner] takes it through a fixed order: build the cluster, load data, wait
// for the steady state, start workload and controller, strike, heal, wait for the
// steady state again (bounded), check, score. Everything it does waits on the
// backend's clock, so the same code runs in virtual and in real time.
//
// A [Backend] starts the cluster described and offers what the runner needs: a
// clock, a chaos.Target, and a stream of [observed.Observation] values of the same form whether
// simulated or real.
//
// What only one kind of cluster has, in a file and in a run, is a [System] of its own
// (packages es and kv): defaults, checks, loading, load, controllers, expectations. This
// package knows none of them by name; the [Vocabulary] lists them.
//
// An expectation is one file and one line of registration, in package expectations or in its
// system; so is a fault (in package chaos) and a backend (in internal/catalog).
package scenarios
