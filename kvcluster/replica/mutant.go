package replica

// Mutant is a defect that a build with the tag kvmutants can plant in a Core. Others
// have none of them.
type Mutant uint8

const (
	// PromoteStale lets a primary keep its own log instead of the most advanced one.
	PromoteStale Mutant = iota + 1
	// SkipFencing lets a primary act without promises, and copies obey old epochs.
	SkipFencing
	// AckEarly answers a QUORUM write when it is on the primary's disk.
	AckEarly
	// ReadUnconfirmed answers QUORUM reads without asking the other copies.
	ReadUnconfirmed
	// ForgetDuplicates does retried writes again.
	ForgetDuplicates
	// AckUnsynced lets copies acknowledge before the sync.
	AckUnsynced
	// LoseKeyInSplit forgets the first key of the part that is split off.
	LoseKeyInSplit
	// CommitHalf does what a committed transaction wanted on its anchor only.
	CommitHalf
	// BelieveMatch takes a copy's word for having more of the log than there is.
	BelieveMatch
)

// Mutants are all of them.
func Mutants() []Mutant {
	return []Mutant{PromoteStale, SkipFencing, AckEarly, ReadUnconfirmed, ForgetDuplicates, AckUnsynced, LoseKeyInSplit, CommitHalf, BelieveMatch}
}

func (m Mutant) String() string {
	return [...]string{"none", "promote-stale", "skip-fencing", "ack-early", "read-unconfirmed", "forget-duplicates",
		"ack-unsynced", "lose-key-in-split", "commit-half", "believe-match"}[m]
}
