// Package coordination is one node's part in agreeing on the cluster state, as
// Elasticsearch 8 does it (org.elasticsearch.cluster.coordination): discovery,
// pre-vote and election, joins, publication in two phases, fault detection, the
// voting configuration, and the master's queue of state updates.
//
// A [Coordinator] is a state machine. Messages ([Coordinator.Receive]), closed
// connections ([Coordinator.Disconnected]), timers and update tasks
// ([Coordinator.Submit]) go in; its [Env] takes messages, connections, what must
// survive a crash and states to apply out. Nothing in it waits, and all its
// randomness comes from streams of the Env.
//
// # Layers
//
// consensus.go is the safe core: terms, votes, accepted and committed states, and
// what may follow what. It knows no time. Everything else decides when to ask it:
// discovery finds peers, the election scheduler asks for pre-votes and elections,
// joins collect votes and members, a publication carries a state to the nodes, the
// checkers watch leader and followers, the lag detector removes who does not
// apply, the master service orders the updates.
//
// # Healthy checks cost nothing
//
// A cluster of 1,000 nodes exchanges 2,000 checks a second, each of which finds
// that all is well. A checker therefore remembers the exact phase of its period
// (interval plus round trip, as Elasticsearch schedules the next check when the
// answer has come) and posts no event as long as the answer cannot change. What
// can change it is announced on the [Board] that the coordinators of a simulation
// share: a path that was cut, healed or slowed, a node that was paused, and, by the
// coordinators themselves, a node that would answer differently now. Then the
// checker finds where in its period it stands and goes on check by check until one
// succeeds again. The times are those of a simulation of every check, which the
// tests compare.
package coordination
