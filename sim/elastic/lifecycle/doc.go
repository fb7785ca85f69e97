// Package lifecycle is the rules by which an index ages: when a name rolls over to a new
// index, and what a policy does with an index as it gets older. The rules are functions of
// what is known; who has the figures and carries the steps out is the master (package
// elastic).
package lifecycle
