// Package explore looks for the plan of faults that breaks what a scenario expects.
//
// [Run] draws plans inside the scenario's budget in rounds of a fixed size (see package
// chaos/plans), runs each, and judges it by the scenario's own expectations and the claims of
// its explore: section: an entry of those is a claim here. A claim that makes no sense of a
// plan, such as how soon a lost node is noticed where none is lost, is not asked of it. The
// first plan that breaks a claim is shrunk, tried with other seeds, and told as a scenario
// file that runs by itself. What could not be decided is counted apart, neither as
// broken nor as held.
//
// A round hangs on the seed, its number and what the rounds before it came to, and what its
// plans come to is taken in their order. So equal rounds have equal results, with any
// number of workers; only how many there are may hang on the machine.
//
// Plans that reached something new ([Reached]) are what later ones are mutants of.
package explore
