// Package version says which Shardquake this is: the module's version, the revision it
// was built from and whether that was modified, as the Go toolchain stamped them into
// the binary. What a run leaves carries it, so that a difference between two runs can be
// told apart from a difference between two programs.
package version
