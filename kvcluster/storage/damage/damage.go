// Package damage is what may become of files after they were synced: what disks, cables,
// firmware and people do to them. Tests, rehearsals and real runs draw from it.
package damage

import (
	"math/rand/v2"
)

// Kind is what may become of a file that was synced.
type Kind string

// The kinds of damage to one file.
const (
	Flip     Kind = "flip"      // a few bits
	Zero     Kind = "zero"      // a stretch
	Truncate Kind = "truncate"  // the end is gone
	RollBack Kind = "roll-back" // the file is what it was earlier
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Flip, Zero, Truncate, RollBack} }

// Of returns a file's content damaged near the end of what is not zero, where the
// latest things are. Earlier is the content that it had some time ago.
func Of(kind Kind, data, earlier []byte, rng *rand.Rand) []byte {
	out := append([]byte{}, data...)
	end := len(out)
	for end > 0 && out[end-1] == 0 {
		end--
	}
	if end == 0 {
		return out
	}
	from := end - 1 - rng.IntN(min(end, 4096))
	switch kind {
	case Flip:
		for range 4 {
			out[from+rng.IntN(end-from)] ^= 1 << rng.IntN(8)
		}
	case Zero:
		clear(out[from:min(end, from+512)])
	case Truncate:
		out = out[:from]
	case RollBack:
		out = append([]byte{}, earlier...)
	}
	return out
}
