// Package usage counts which requests nodes have been asked, and tells it (_nodes/usage).
//
// Elasticsearch counts by handler, whose names are those of its REST actions; a node counts
// what was asked of itself, from its start on, and only what it did not refuse to read.
package usage
