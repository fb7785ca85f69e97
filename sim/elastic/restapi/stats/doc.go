// Package stats holds the REST endpoints that count: statistics of indices, nodes and the
// cluster, what nodes are, and recoveries.
package stats
