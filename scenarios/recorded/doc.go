// Package recorded holds one scenario for every recorded timeline of a real cluster:
// the same nodes, indices, settings and faults. They are not part of the library; they
// are there to be replayed on the simulator and compared with the recording.
package recorded
