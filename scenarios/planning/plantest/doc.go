// Package plantest has a plan as a Go test: what a cluster must bear, whatever it loses, as
// subtests of one line.
package plantest
