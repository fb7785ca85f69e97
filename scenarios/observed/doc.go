// Package observed is what was seen of a run, and what follows from it.
//
// A backend tells [Observation] values, each with a [Sight]: health, members, copies,
// recoveries, disks, load. The runner gathers them in a [History], beside the faults as they
// struck, the controller's [Decision] values, the fate of the writes that were followed
// ([TracerSummary]) and what the machine did. [Live] is what they say at the moment.
//
// The rest reads a history and changes nothing: what clients [Felt], how a quantity lay on
// the nodes ([History.Spread]), the milestones after a fault ([History.FaultTimes]), moves,
// stretches of health. The package knows neither scenario files nor expectations nor any one
// system; who judges and reports builds on it.
package observed
