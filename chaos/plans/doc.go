// Package plans makes plans of faults by chance and shrinks those that break something.
//
// A [Generator] draws plans inside a [Budget]: which kinds, how many at once, how many nodes
// ailing together. Plans come in rounds of a fixed size, each made from nothing but the seed,
// the numbers of its round and place, and the corpus at the round's start, so that any number
// of workers makes the same ones. Several ways of drawing share a round: uniform, swarm
// (a random subset of the kinds), near (few faults close to each other) and mutants of what
// the corpus has.
//
// [Shrink] drops faults by counter-based delta debugging, ends 1-minimal, and then makes
// what is left shorter and rounder. It asks a function whether a plan still fails, and
// nothing else.
package plans
