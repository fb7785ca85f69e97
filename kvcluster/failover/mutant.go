package failover

// Mutant is a defect that a build with the tag kvmutants can plant in a Manager. Others
// have none of them.
type Mutant uint8

const (
	// LateDetection waits ten times as long before a node is given up.
	LateDetection Mutant = iota + 1
	// SettleEarly calls a change complete before the primary has said so: earlier copies are
	// not fenced, and a merged shard's data is dropped before its heir has it.
	SettleEarly
)

// Mutants are all of them.
func Mutants() []Mutant { return []Mutant{LateDetection, SettleEarly} }

func (m Mutant) String() string { return [...]string{"none", "late-detection", "settle-early"}[m] }
