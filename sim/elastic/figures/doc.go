// Package figures is what a node tells of itself: the documents, bytes and counters of its
// shard copies, their segments and recoveries, its stores, and its machine's load.
package figures
