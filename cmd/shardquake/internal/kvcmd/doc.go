// Package kvcmd are the commands of a key-value cluster: a node, its data, its shards, its
// settings and its state.
package kvcmd
