// Package recovery finds out why shard copies are not assigned, and does about it
// what is safe.
//
// A [Manager] is a part of the controller. At intervals it looks for copies that no
// node holds, recoveries that don't get on and indices that a flood block keeps from
// being written. Each is a [Fault]. [Diagnose] reads its [Cause] from Elasticsearch's
// own explanation, the strategy of that cause says what to do, and a later look
// verifies what came of it. Tries are spaced by a growing wait and bounded in number;
// a fault that resists all of them is left to a person, and still watched.
//
// What is done is what Elasticsearch 8 has. Where the documents name something that
// it doesn't have, the nearest real thing is done: for POST /{index}/_recover it is
// POST /_cluster/reroute?retry_failed=true. Elasticsearch assigns copies by itself; so
// for most causes the right thing is to wait for what stands in the way to go, and to
// say what that is.
//
// Nothing that loses data or overrules a person is done without an [Approval], and
// before it is asked for, the fault says what would be lost.
//
// Faults that are over are kept in a bounded history, in a [Store] that survives the
// controller, with statistics of the time to recovery by cause.
package recovery
