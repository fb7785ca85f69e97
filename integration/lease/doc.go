// Package lease keeps what is done to real nodes from outliving the program that did it.
//
// Everything in force has a lease at an agent: a program of its own beside the proxies and
// the nodes, in a container next to them or a process of its own on their machine. Before
// something is done the agent is told how it is undone; then the [Keeper] renews the lease
// again and again. When nobody renews, because the program was killed, stands still or is
// cut off, the agent undoes everything, last first, and tries again what fails. From then
// on it takes nothing more: who comes back is told that the lease has run out.
//
// The keeper writes the same into a journal, for people (shardquake gameday heal).
package lease
