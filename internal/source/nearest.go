package source

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Unknown says that a name does not exist and which ones do, the nearest first.
func Unknown(what, got string, valid []string) string {
	valid = slices.Sorted(slices.Values(valid))
	msg := fmt.Sprintf("unknown %s %q", what, got)
	if got == "" {
		msg = fmt.Sprintf("no %s is named", what)
	}
	if n := Nearest(got, valid); n != "" {
		msg += fmt.Sprintf("; did you mean %q?", n)
	}
	if len(valid) > 0 {
		msg += " (expected one of: " + strings.Join(valid, ", ") + ")"
	}
	return msg
}

// Nearest is the valid name with the smallest edit distance to got, or one that got
// begins, if it is near enough to be a slip; "" otherwise.
func Nearest(got string, valid []string) string {
	if got == "" {
		return ""
	}
	best, bestDistance := "", max(2, len(got)/3)+1
	for _, v := range valid {
		a, b := strings.ToLower(got), strings.ToLower(v)
		d := distance(a, b)
		if len(a) >= 3 && (strings.HasPrefix(b, a) || strings.HasPrefix(a, b)) {
			d = 1 // cut short, or too long
		}
		if d < bestDistance {
			best, bestDistance = v, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func names(fields map[string]reflect.Type) []string {
	out := make([]string, 0, len(fields))
	for k := range fields {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
