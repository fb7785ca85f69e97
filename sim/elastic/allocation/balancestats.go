package allocation

import "time"

// BalanceStats count the computations of the desired balance since the node became the master
// (DesiredBalanceStats).
type BalanceStats struct {
	// Submitted are the reroutes that asked for a computation; several can share one.
	Submitted, Executed, Converged, Iterations, Moves int64
	// ConvergedIndex is which of those submitted, from 0, the balance in force was computed for.
	ConvergedIndex int64
	// Computing is how long the computations took together.
	Computing time.Duration
}

// add counts a computation.
func (b *BalanceStats) add(c Computation) {
	b.Executed++
	b.Iterations += int64(c.Iterations)
	b.Moves += int64(c.Moves)
	if c.Converged {
		b.Converged++
		b.ConvergedIndex = b.Submitted - 1
	}
}

// Took counts how long a computation takes.
func (s *Service) Took(d time.Duration) { s.counted.Computing += d }

// Balance is the desired balance by the indices' UUIDs, and how it came about.
func (s *Service) Balance() (map[string][]*Assignment, BalanceStats) {
	return s.desired.byIndex, s.counted
}
