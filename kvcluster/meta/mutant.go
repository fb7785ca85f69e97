package meta

// Mutant is a defect that a build with the tag kvmutants can plant in a Group. Others
// have none of them.
type Mutant uint8

const (
	// ApplyEarly lets a leader act on its proposals before they are committed.
	ApplyEarly Mutant = iota + 1
	// VoteUnsynced lets a member vote and acknowledge before it is on its disk.
	VoteUnsynced
)

// Mutants are all of them.
func Mutants() []Mutant { return []Mutant{ApplyEarly, VoteUnsynced} }

func (m Mutant) String() string { return [...]string{"none", "apply-early", "vote-unsynced"}[m] }
