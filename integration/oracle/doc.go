// Package oracle asks Elasticsearch itself what its allocators decide, to hold the
// model against it on states that nobody has seen before.
//
// [Draw] makes random cases in the format of package cases, in eight families. The
// recorder in java/ plays them with the server classes of Elasticsearch 8.19.0, both
// allocators with all deciders, and writes what they decide; `shardquake allocate
// --verify` plays them with the model and compares. record.sh (`make oracle`) does all
// three, with the jars from Maven Central; it needs a JDK of version 17 and Maven.
//
// # What is real
//
// AllocationService with the gateway's allocators, BalancedShardsAllocator,
// DesiredBalanceComputer and DesiredBalanceReconciler are Elasticsearch's. The recorder
// plays what surrounds them: a clock that stands still within a round, disks that fill as
// copies start, and the stores that nodes which left bring back.
//
// # Orders
//
// Hash tables decide ties. Cases are drawn so that their order does not depend on
// history: ids of nodes that are members together share no bucket of a java.util.HashMap,
// names of indices no slot of an HPPC map, whose hashes the recorder mixes
// deterministically.
package oracle
