//go:build kvmutants

package logstore

// Mutation plants a defect, to prove that the checks see it.
type Mutation struct{ Mutant Mutant }

func (m Mutation) is(x Mutant) bool { return m.Mutant == x }
