// Package tuning sets the pace of recoveries by their progress and by the load of the
// nodes.
package tuning
