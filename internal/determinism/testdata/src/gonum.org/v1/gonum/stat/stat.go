// Package stat stands in for the real one, which a test can't import.
package stat

func Mean(x, weights []float64) float64 { return 0 }
