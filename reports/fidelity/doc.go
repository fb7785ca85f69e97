// Package fidelity compares what the simulator predicts with what a real cluster did,
// quantity by quantity.
//
// A run is cut into phases: one from each fault on and one from each healing on. Of
// every phase the same quantities are taken, whether the run was simulated, made on
// containers just now, or recorded long ago: when the node was out of the cluster, when
// primaries were active and copies complete again, what was copied and moved in which
// order ([Quantities], [Recording.Runs]).
//
// [Compare] puts the two distributions of a quantity side by side with the error of
// the median. A quantity of the real runs is determined when it hardly differs from
// run to run; those must be predicted within the target. Where the real runs themselves
// are further apart than the target, the table says whether the prediction lies in
// their range.
package fidelity
