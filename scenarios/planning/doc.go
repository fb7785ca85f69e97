// Package planning finds out by simulated failures what a cluster can lose: each node, each
// value of each awareness attribute, the master, pairs of nodes.
//
// Every loss is a run of the cluster with one fault, the same seeds for all, judged by
// expectations: an objective is an expectation and the losses that it is for. Nothing here
// judges a run by itself. What a loss costs (time, bytes, disks, copies without a node) is
// read from the same runs. A change is a second side: the same losses of the changed file.
//
// The order in which runs end changes nothing: results stand by loss and seed.
package planning
