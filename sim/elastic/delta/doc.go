// Package delta is what differs between two cluster states, computed once for all nodes that
// take the same step, and the counts of a cluster's copies that are kept by it.
package delta
