// Package recovery finds out why shard copies are not assigned, and does about it
// what is safe.
package recovery
