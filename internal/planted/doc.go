// Package planted holds the defects that a build with the tag mutants can plant into the
// simulated Elasticsearch and into the controller, to prove that random plans, judged by
// the expectations that scenarios have, would find such a thing.
//
// Where the defect would be, the code asks [Is]. Without the tag that is a constant false,
// and nothing of it is left in the program.
package planted
