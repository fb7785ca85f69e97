package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrUnknown says that no policy has the name asked for.
var ErrUnknown = errors.New("unknown policy")

// Policy decides what to do about the distribution of shards. One instance looks
// after one cluster and may remember what it has seen; it is used by one process
// at a time.
type Policy interface {
	// Name is the name under which the policy is registered.
	Name() string
	// Needs says what has to be observed besides the distribution of shards.
	Needs() Needs
	// Decide judges one observation. Observations come in the order of their time.
	Decide(o Observation) Verdict
}

// Told is a policy that remembers when it acted, and wants to know when nothing of that
// could be done: the cluster refused or could not be reached. It then forgets that it
// acted, and may decide the same at once.
type Told interface {
	Failed()
}

// Needs names the observations that cost extra calls.
type Needs struct {
	Load  bool // rates, latencies, CPU: Observation.Nodes' and Shards' load
	Disk  bool // disk figures of the nodes
	Bytes bool // store size of every copy
}

// Observation is what a policy sees of the cluster at one moment.
type Observation struct {
	At time.Duration // on the controller's monotonic clock
	// DataNodes counts the nodes that can hold shards.
	DataNodes int
	// Shards counts shard copies that are assigned to nodes.
	Shards int
	// Initializing, Relocating and Unassigned count copies in these states.
	Initializing, Relocating, Unassigned int
	// Nodes in the order of their names. Nodes without any shard may be missing
	// unless load or disk was asked for; DataNodes counts them.
	Nodes []Node
	// Copies of shards, by index, shard, primary first, node. Only assigned ones.
	Copies []Copy
	// LoadKnown says that rates and latencies could be measured. They are
	// differences, so the first observation never has them.
	LoadKnown bool
	// Window is the time over which rates and latencies were measured.
	Window time.Duration
	// Tiers are the data tiers that indices prefer, first choice first; only where some nodes
	// are of certain tiers.
	Tiers map[string][]string
	// Peak says that this is no time for moves that can wait: there are off-peak windows, and
	// none of them holds.
	Peak bool
	// Distance is how far nodes are from each other, as configured.
	Distance Distance
}

// Node is a node that can hold shards.
type Node struct {
	Name   string
	Shards int
	Bytes  int64 // of its copies; 0 when not asked for

	DiskUsed, DiskTotal int64 // bytes; total 0: unknown
	CPUPercent          float64
	QPS                 float64 // searches and index operations per second

	// Roles and Attributes of the node; empty where load or disk was not asked for.
	Roles      []string
	Attributes map[string]string
}

// Copy is a shard copy on a node.
type Copy struct {
	Index   string
	Shard   int
	Primary bool
	Node    string
	Bytes   int64
	// Moving says that the copy is initializing or relocating: it can't be moved.
	Moving bool
	// QPS counts searches and index operations per second, Latency is their mean time
	// over the window. Both are 0 without load.
	QPS     float64
	Latency time.Duration
}

// Action is what to do.
type Action string

// The actions a policy can ask for.
const (
	None      Action = "none"
	Rebalance Action = "rebalance" // let Elasticsearch rebalance, with limits on recovery
	Optimize  Action = "optimize"  // set the weights of Elasticsearch's balancer
	Move      Action = "move"      // move the shards named
	// Hold keeps Elasticsearch from rebalancing, which would undo moves that have another
	// aim than equal numbers; Release lets it rebalance as before.
	Hold    Action = "hold-rebalancing"
	Release Action = "release-rebalancing"
)

// Verdict is a policy's decision with its grounds.
type Verdict struct {
	Actions []Action // in the order in which to do them; empty: nothing
	Reason  string   // one sentence with numbers
	Numbers Numbers  // what was decided on
	Moves   []ShardMove
	// Insist asks for the settings to be sent even when they are in force already.
	Insist bool
}

// Acts reports whether there is something to do.
func (v Verdict) Acts() bool { return len(v.Actions) > 0 }

// ShardMove moves one copy between nodes.
type ShardMove struct {
	Index string `json:"index"`
	Shard int    `json:"shard"`
	From  string `json:"from"`
	To    string `json:"to"`
	Bytes int64  `json:"bytes"`
	// Distance that the data has to go; 0 where no distances are configured.
	Distance float64 `json:"distance,omitempty"`
}

// Kind makes a policy known: what it is called, what it does, how to make one.
type Kind struct {
	Name  string
	About string // one line
	New   func() Policy
}

// Registration is the name by which modules outside know Kind.
type Registration = Kind

// Registry is the policies there are, in the order of their names. A new one is a file and a
// line here.
func Registry() []Kind {
	return []Kind{disk(), hotspot(), none(), threshold(), variance()}
}

// New makes the policy of that name with its defaults. The error wraps
// [ErrUnknown] and lists the names there are.
func New(name string) (Policy, error) {
	var names []string
	for _, k := range Registry() {
		if k.Name == name {
			return k.New(), nil
		}
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("%w %q; there are %s", ErrUnknown, name, strings.Join(names, ", "))
}
