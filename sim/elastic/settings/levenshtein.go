package settings

import "unicode/utf8"

// Similarity is 1 less the edit distance in parts of the longer text, in float32:
// what Elasticsearch (Lucene's LevenshteinDistance) suggests names by.
func Similarity(a, b string) float32 {
	n, m := utf8.RuneCountInString(a), utf8.RuneCountInString(b)
	if n == 0 || m == 0 {
		if n == m {
			return 1
		}
		return 0
	}
	target := []rune(b)
	previous, current := make([]int, m+1), make([]int, m+1)
	for j := range previous {
		previous[j] = j
	}
	i := 0
	for _, ra := range a {
		i++
		current[0] = i
		for j, rb := range target {
			cost := 1
			if ra == rb {
				cost = 0
			}
			current[j+1] = min(previous[j+1]+1, current[j]+1, previous[j]+cost)
		}
		previous, current = current, previous
	}
	return 1 - float32(previous[m])/float32(max(n, m))
}
