//go:build !mutants

package planted

// Is reports whether a defect is planted: never, but in builds with the tag mutants.
func Is(Defect) bool { return false }
