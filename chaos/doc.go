// Package chaos is the fault vocabulary: what can be done to a cluster, said once
// for every backend.
//
// A fault is a kind ("node-loss", "partition", …) with its parameters and the time
// it lasts. It expands to primitives on links, processes and disks, and those are
// all that a backend has to offer: a [Target]. A fault therefore works on every
// backend that has its primitives, and one that lacks them refuses it before the
// run starts instead of ignoring it.
//
// After injecting, every fault proves that it bites (a probe over the cut link
// fails, the disk really is that full); after healing, that it is gone. What the
// probes saw is kept as [Evidence] and printed in the report.
//
// A [Plan] is the explicit, replayable list of what happens when: selectors such as
// "the elected master" are resolved when the fault strikes and written down.
package chaos
