package random

import (
	crand "crypto/rand"
	"hash/maphash"
	old "math/rand"
	"math/rand/v2"
)

func broken(b []byte) float64 {
	rand.Shuffle(3, func(i, j int) {}) // want `v2.Shuffle: draw from a named stream: the clock's Rand\(name\) \(random: `
	_ = old.Intn(3)                    // want `rand.Intn: .*random`
	old.Seed(1)                        // want `rand.Seed: .*random`
	crand.Read(b)                      // want `rand.Read: .*random`
	_ = maphash.MakeSeed()             // want `maphash.MakeSeed: .*random`
	_ = rand.N(10)                     // want `v2.N: .*random`
	return rand.Float64()              // want `v2.Float64: .*random`
}

func kept(seed uint64) int {
	stream := rand.New(rand.NewPCG(seed, 1))
	stream.Shuffle(3, func(i, j int) {})
	return stream.IntN(10) + old.New(old.NewSource(1)).Intn(2)
}
