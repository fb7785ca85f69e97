package node

// Mutant is a defect that a build with the tag kvmutants can plant in a Node. Others
// have none of them.
type Mutant uint8

const (
	// FixedNonce lets a node with an empty disk pass for the one that was there before.
	FixedNonce Mutant = iota + 1
	// NoRecall lets a node take part without asking what others remember of its disk.
	NoRecall
	// FoundAlone makes a cluster without asking anybody.
	FoundAlone
)

// Mutants are all of them.
func Mutants() []Mutant { return []Mutant{FixedNonce, NoRecall, FoundAlone} }

func (m Mutant) String() string {
	return [...]string{"none", "fixed-nonce", "no-recall", "found-alone"}[m]
}
