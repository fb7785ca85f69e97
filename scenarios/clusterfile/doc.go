// Package clusterfile is the file that describes one cluster as it was at a moment:
// NAME.cluster.json.gz, which `shardquake import` writes and `cluster: {from: …}` of a
// scenario reads.
//
// It is JSON, gzipped, and says which version of this schema it follows. Nodes are named
// by their unique names, copies stand under their index and shard. Every number tells
// where it comes from: a plain number was measured, [n, "derived"] was computed from
// measured ones, [n, "assumed"] is a guess; an absent one is not known. What was assumed,
// what the sources contradicted each other in, and what the model does not simulate is
// listed in words beside, what matters most first.
//
// The types here are the schema. A reader refuses versions it does not know; a field is
// only ever added, or the version is raised.
package clusterfile
