package plans

// Shares are how many plans of each way a round has: as many as what that way came to of late
// deserves, and some of each, so that one that finds nothing now is still tried. It is a bandit
// that counts in whole numbers and draws nothing: equal rounds have equal shares.
type Shares struct {
	arms []arm // in the order of [Ways]
}

// arm is what is remembered of a way, in thousandths: plans that were tried, and what they
// yielded. Both fade from round to round, for what was new once is not found again.
type arm struct{ tried, yielded int64 }

const (
	// leastShare is how many plans of a round each way has at least.
	leastShare = 2
	// thousand is the unit of what is remembered, kept of a thousand is what the next round
	// remembers of it.
	thousand, kept = 1000, 900
	// believed is with how many plans a way begins, each of which is taken to have yielded one.
	believed = 5
)

// NewShares are those of a search that knows nothing yet: all alike.
func NewShares() *Shares {
	s := &Shares{arms: make([]arm, len(Ways()))}
	for i := range s.arms {
		s.arms[i] = arm{believed * thousand, believed * thousand}
	}
	return s
}

// Came notes what a plan of a way yielded; what counts as how much is the caller's.
func (s *Shares) Came(way string, yield int) {
	for i, w := range Ways() {
		if w == way {
			s.arms[i].tried += thousand
			s.arms[i].yielded += int64(yield) * thousand
		}
	}
}

// Rounded ends a round.
func (s *Shares) Rounded() {
	for i := range s.arms {
		s.arms[i].tried = s.arms[i].tried * kept / thousand
		s.arms[i].yielded = s.arms[i].yielded * kept / thousand
	}
}

// Of is how many plans of each way a round of so many has, in the order of [Ways]. Beyond the
// least it goes by the yield per plan; what does not come out even goes to those that are owed
// most, of equals to the first.
func (s *Shares) Of(size int) []int {
	out := make([]int, len(s.arms))
	least := min(leastShare, size/len(s.arms))
	free := int64(size - least*len(s.arms))
	rates, sum := make([]int64, len(s.arms)), int64(0)
	for i, a := range s.arms {
		// A way that yields nothing keeps the smallest rate, so that the sum is none of zero.
		rates[i] = max(1, a.yielded*thousand/max(1, a.tried))
		sum += rates[i]
	}
	owed := make([]int64, len(s.arms))
	given := int64(0)
	for i, r := range rates {
		out[i] = least + int(free*r/sum)
		owed[i] = free * r % sum
		given += free * r / sum
	}
	for ; given < free; given++ {
		most := 0
		for i := range owed {
			if owed[i] > owed[most] {
				most = i
			}
		}
		out[most]++
		owed[most] = -1
	}
	return out
}
