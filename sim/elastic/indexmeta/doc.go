// Package indexmeta is what follows from a cluster state for an index, without a node: the
// metadata that a new one has, which shard a document belongs to, which blocks refuse a
// request, and whether enough copies are active.
package indexmeta
