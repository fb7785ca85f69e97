package stats

import (
	"cmp"
	"slices"
)

// Holm corrects the probabilities of tests so that with any number of them the chance of one
// false alarm or more stays below the level.
func Holm(p []float64) []float64 {
	order := ascending(p)
	out := make([]float64, len(p))
	most := 0.0
	for k, i := range order {
		most = max(most, min(1, float64(len(p)-k)*p[i]))
		out[i] = most
	}
	return out
}

// BenjaminiHochberg corrects them so that of what is called different at most the level's
// share is so by chance.
func BenjaminiHochberg(p []float64) []float64 {
	order := ascending(p)
	out := make([]float64, len(p))
	least := 1.0
	for k := len(order) - 1; k >= 0; k-- {
		i := order[k]
		least = min(least, float64(len(p))/float64(k+1)*p[i])
		out[i] = least
	}
	return out
}

func ascending(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return order
}

// Spend is what share of the error the k-th of so many looks at growing samples may use
// (k from 0). Each look uses eight times what the one before did, so that looking early costs
// the last look, which sees most, an eighth of it; together they use 1.
func Spend(k, looks int) float64 {
	sum := 0.0
	for i := range looks {
		sum += float64(uint64(1) << (3 * i))
	}
	return float64(uint64(1)<<(3*k)) / sum
}
