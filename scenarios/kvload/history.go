package kvload

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// History is what the clients saw. Times are since t=0.
type History struct {
	// Ops are those on registers.
	Ops []Op
	// Txns are the transactions on lists.
	Txns []check.Txn
	// Audits have read all Accounts, which hold Sum together.
	Audits    []check.Audit
	Accounts  int
	Sum       int64
	Transfers int // committed
	// Conflicts are transactions that another one was in the way of; they did nothing.
	Conflicts int
	Tracers   []Tracer
	// Checked tracers and Items of the layout were looked for at the end; Lost are the keys
	// of those of them that were not there.
	Checked, Items int
	Lost           []string
	// Copies is how the copies compared at the end.
	Copies Comparison
	// Failovers are those that the cluster remembers, Settings its own at the end.
	Failovers []wire.Failover
	Settings  wire.Settings
	// Ended says that the look at the end came to its end.
	Ended bool
}

// Op is an operation on a register.
type Op struct {
	check.Op
	Level wire.Level
}

// Tracer is a key that is written once.
type Tracer struct {
	Key string
	// Range is the shard, of those that the cluster began with, whose range it lies in.
	Range      int
	Start, End time.Duration
	Outcome    check.Outcome
	Level      wire.Level
	// Cause is why it was not acknowledged, "" when it was.
	Cause   observed.Cause
	InFault bool // acknowledged while a fault was in force
}

// Comparison is what a look at all copies found.
type Comparison struct {
	Shards, Copies, Items int
	// Silent are copies that gave no answer, Differing pairs that aren't equal.
	Silent, Differing []string
}

// Counts are operations since the start.
type Counts struct {
	Acked, Failed, Unknown, Reads, ReadsFailed int64
	// P50 and P99 are of what was acknowledged since the counts were last taken; 0:
	// nothing was.
	P50, P99 time.Duration
}
