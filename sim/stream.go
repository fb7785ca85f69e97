package sim

import "math/rand/v2"

type streamKey struct{ purpose, entity string }

// Stream is the random stream for a purpose and an entity, the same object at
// every call. Its seed depends on nothing but the run's seed and the two names.
func (e *Engine) Stream(purpose, entity string) *rand.Rand {
	key := streamKey{purpose, entity}
	if s, ok := e.streams[key]; ok {
		return s
	}
	a := splitmix(e.cfg.Seed ^ splitmix(hashString(purpose)))
	b := splitmix(a ^ splitmix(hashString(entity)+hashSeed))
	s := rand.New(rand.NewPCG(splitmix(a^b), splitmix(b)))
	e.streams[key] = s
	return s
}

// splitmix is the finaliser of SplitMix64: every bit of x reaches every bit of the
// result.
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
