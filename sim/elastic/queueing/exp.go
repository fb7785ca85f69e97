package queueing

import "math"

const ln2 = 0.6931471805599453

// Exp is e to the power of -x, for x ≥ 0, to about 15 digits.
func Exp(x float64) float64 {
	if x <= 0 {
		return 1
	}
	if x > 700 {
		return 0
	}
	k := math.Floor(x / ln2)
	r := x - float64(k*ln2) // 0 ≤ r < ln 2: e^-x = 2^-k · e^-r
	sum, term := 1.0, 1.0
	for i := 1; i <= 20; i++ {
		term = -float64(term*r) / float64(i)
		sum += term
	}
	return math.Ldexp(sum, -int(k))
}

// Log is the natural logarithm of x > 0, to about 15 digits.
func Log(x float64) float64 {
	m, e := math.Frexp(x) // 0.5 ≤ m < 1
	if m < math.Sqrt2/2 {
		m, e = float64(m*2), e-1
	}
	// ln m = 2 artanh((m-1)/(m+1)), with an argument below 0.172 in size.
	z := (m - 1) / (m + 1)
	square := float64(z * z)
	sum, power := 0.0, z
	for i := 1; i <= 23; i += 2 {
		sum += power / float64(i)
		power = float64(power * square)
	}
	return float64(2*sum) + float64(float64(e)*ln2)
}
