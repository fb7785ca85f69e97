// Package gameday conducts a run that people follow. The same scenario is simulated with
// many seeds first: what they showed is the [Prediction], a band for every figure at every
// moment. The [Plan] says what will be done to which nodes and how it is undone; it has a
// hash, and people approve that. Then a [Course] goes with the run: it lets the plan on from
// step to step, looks every second whether a guardrail has been touched, and halts, which
// undoes everything at once.
//
// A course goes with the simulator, paced, as with real nodes: a drill is a game day.
package gameday
