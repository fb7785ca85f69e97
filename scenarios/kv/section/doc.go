// Package section is what scenario files say of key-value clusters alone: the section kv: of
// the cluster, and the part of a stream of load that only such clusters have. It has no
// behaviour, so that package scenarios can read files without knowing the system; defaults and
// checks are in package kv.
package section
