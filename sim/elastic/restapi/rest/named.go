package rest

import (
	"slices"
	"strings"
)

// Chosen are the names that patterns select, in order of names. A name without a wildcard
// that selects nothing is missing.
func Chosen[T any](list []*T, name func(*T) string, patterns []string) (out []*T, missing []string) {
	if len(patterns) == 0 {
		return list, nil
	}
	taken := map[string]bool{}
	for _, p := range patterns {
		found := false
		for _, e := range list {
			if p == "_all" || SimpleMatch(p, name(e)) {
				taken[name(e)], found = true, true
			}
		}
		if !found && p != "_all" && !HasWildcard(p) {
			missing = append(missing, p)
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(e *T) bool { return !taken[name(e)] }), missing
}

// Bracketed is a list as Elasticsearch's messages tell it.
func Bracketed(list []string) string { return "[" + strings.Join(list, ", ") + "]" }

// OperationMode is the answer about what can be started and stopped as a whole: policies of
// indices, policies of snapshots.
func OperationMode(stopped bool) *Response {
	mode := "RUNNING"
	if stopped {
		mode = "STOPPED"
	}
	w := NewWriter(false)
	w.Obj()
	w.Str("operation_mode", mode)
	w.End()
	return &Response{JSON: w.Bytes()}
}
