// Package diskmonitor decides what the elected master does about disk usage that has
// arrived (DiskThresholdMonitor): which indices get the flood-stage block, which lose it,
// and whether shards must be routed again. It changes nothing itself.
package diskmonitor
