package chaos

import (
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// The types of faults' fields under names that other modules can use.
type (
	// Duration is a time as scenario files write it: 90s.
	Duration = units.Duration
	// Percent is a share as scenario files write it: 85%.
	Percent = units.Percent
	// Bandwidth is a rate as scenario files write it: 1gbit.
	Bandwidth = units.Bandwidth
	// Problem is what is wrong with a place in a scenario file.
	Problem = source.Problem
)
