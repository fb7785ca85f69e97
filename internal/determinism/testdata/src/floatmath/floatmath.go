package floatmath

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"
)

func broken(x float64, r *rand.Rand) float64 {
	_ = math.Exp(x)                 // want `math.Exp is assembly on some machines and fused on others: use a pure-Go function whose products are rounded by float64\(x\*y\) \(float-math: `
	_ = math.Log(x) + math.Log2(x)  // want `math.Log is` `math.Log2 is`
	_ = math.Pow(x, 2)              // want `math.Pow is`
	_ = math.Hypot(x, x)            // want `math.Hypot is`
	_ = r.NormFloat64()             // want `v2.Rand.NormFloat64: .*float-math`
	_ = rand.NewZipf(r, 1.1, 1, 10) // want `v2.NewZipf: .*float-math`
	_ = stat.Mean(nil, nil)         // want `stat.Mean: leave statistics to package reports`
	f := math.Sin                   // want `math.Sin is`
	return f(x)
}

func kept(x float64, r *rand.Rand) float64 {
	if math.IsNaN(x) || math.Abs(x) > math.MaxFloat64 {
		return math.Inf(1)
	}
	return math.Sqrt(math.Floor(x)) + math.Ldexp(r.Float64(), 3) + math.Pi
}
