package logstore

// Mutant is a defect that a build with the tag kvmutants can plant in a Store. Others
// have none of them.
type Mutant uint8

const (
	// AcceptShort takes a log for what it is, however short, and asks no tail: its node votes,
	// leads and serves with it.
	AcceptShort Mutant = iota + 1
)

// Mutants are all of them.
func Mutants() []Mutant { return []Mutant{AcceptShort} }

func (m Mutant) String() string { return [...]string{"none", "accept-short"}[m] }
