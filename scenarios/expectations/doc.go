// Package expectations is what may be expected of a run of any system: that the steady state
// returns, that no acknowledged write is lost, that nothing is red for long, that load is
// spread evenly, that clients got answers.
//
// Each is a file with a struct as scenario files have it, and a line in [Common], which the
// vocabulary takes in. It checks its parameters against the scenario and judges on the whole
// of an [observed.History]; what was not seen is unknown, never a pass. What makes sense of
// one system only is in that system's package.
package expectations
