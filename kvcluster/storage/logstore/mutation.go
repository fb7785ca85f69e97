//go:build !kvmutants

package logstore

// Mutation is empty but in builds with the tag kvmutants.
type Mutation struct{}

func (Mutation) is(Mutant) bool { return false }
