//go:build mutants

package planted

import "sync/atomic"

// now is the defect that is planted.
var now atomic.Pointer[Defect]

// Is reports whether a defect is planted.
func Is(d Defect) bool {
	p := now.Load()
	return p != nil && *p == d
}

// Plant plants a defect into all that runs from now on; "" takes it out again.
func Plant(d Defect) { now.Store(&d) }
