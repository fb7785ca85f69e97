package reports

import (
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/internal/version"
)

// The types of fields of reports under names that other modules can use.
type (
	// Version is the Shardquake that made a file.
	Version = version.Build
	// Tolerance is by how much a figure may change and still count as the same.
	Tolerance = units.Tolerance
)
