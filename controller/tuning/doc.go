// Package tuning sets the pace of recoveries by their progress and by the load of the
// nodes: how many bytes a second a node may send and receive
// (indices.recovery.max_bytes_per_sec) and how many copies it may recover at once
// (cluster.routing.allocation.node_concurrent_recoveries).
//
// A [Tuner] is a part of the controller. While recoveries go on it looks at the nodes
// that take part. One whose CPU is above 80 % or whose disk is busy above 90 % of the
// time, at two looks in a row, slows recoveries down by a level; when all of them are
// well below for two looks, and there is more to copy, they may go a level faster.
// Between the two nothing changes, so that the tuner's own effect doesn't drive it. When
// no recovery is left, the settings are put back.
//
// The numbers are those of the user's documents: by default 2 copies at once, 1 for
// weak nodes, 3 or 4 for strong ones. With [Config.OffPeak] recoveries go faster
// than normal only in those daily windows.
//
// Every change passes the controller's ledger of settings. A setting that somebody else
// has changed meanwhile is theirs: the tuner says so once and leaves it alone.
package tuning
