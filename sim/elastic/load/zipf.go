package load

import "math"

// ZipfShare is shard i's share of a load over n shards with weights 1/(i+1)^skew.
func ZipfShare(i, n int, skew float64) float64 {
	if skew == 0 {
		return 1 / float64(n)
	}
	var sum float64
	for k := range n {
		sum += 1 / Power(float64(k+1), skew)
	}
	return 1 / Power(float64(i+1), skew) / sum
}

// Power is x to the y, for x ≥ 1 and y ≥ 0, by squares and square roots only: the same
// on every machine.
func Power(x, y float64) float64 {
	whole, frac := math.Modf(y)
	out := 1.0
	for range int(whole) {
		out = float64(out * x)
	}
	root := x
	for bit := 0.5; frac > 0 && bit > 1e-9; bit /= 2 {
		root = math.Sqrt(root)
		if frac >= bit {
			frac -= bit
			out = float64(out * root)
		}
	}
	return out
}
