package allocation

// Command is a command of the reroute API.
type Command struct {
	// Kind is move, cancel, allocate_replica, allocate_stale_primary or allocate_empty_primary.
	Kind  string
	Index string
	Shard int
	// Node is a node's id or name; of a move it is the target.
	Node string
	// From is the source of a move.
	From           string
	AllowPrimary   bool
	AcceptDataLoss bool
}
