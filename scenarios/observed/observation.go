package observed

import (
	"time"
)

// Observation is one thing seen of the cluster, from the view with authority: the
// newest applied state that names a master, whoever holds it. Backends emit one
// whenever what it describes has changed.
//
// At is the monotonic time of the backend's clock; the runner turns it, and every
// other time in the observation, into time since t=0 (negative before: loading,
// waiting for the steady state). Simulated it is exact; real it is when the answer arrived that showed it, so up
// to one polling interval late.
type Observation struct {
	At    time.Duration
	Sight Sight
}

// Sight is what was seen. The set is closed: the types below, and what a system alone has,
// which says so by embedding [OwnSight].
type Sight interface {
	// SightKind names it in traces.
	SightKind() string
	sight()
}

// OwnSight is embedded by the sights of one system only.
type OwnSight struct{}

//lint:ignore U1000 what embeds it has the method, so that a sight can be made elsewhere only on purpose
func (OwnSight) sight() {}

var (
	_ Sight = Health{}
	_ Sight = Members{}
	_ Sight = Copies{}
	_ Sight = Recovery{}
	_ Sight = Disks{}
	_ Sight = View{}
	_ Sight = Loads{}
	_ Sight = HotShards{}
)

// Copies are shard copies of which something changed, all copies of each changed shard.
type Copies []Copy

// Disks are data disks that hold another amount than before.
type Disks []Disk

// Loads is how busy nodes are.
type Loads []NodeLoad

// HotShards are the copies with most operations, hottest first.
type HotShards []ShardLoad

func (Health) sight()    {}
func (Members) sight()   {}
func (Copies) sight()    {}
func (Recovery) sight()  {}
func (Disks) sight()     {}
func (View) sight()      {}
func (Loads) sight()     {}
func (HotShards) sight() {}

// SightKind implements [Sight].
func (Health) SightKind() string { return "health" }

// SightKind implements [Sight].
func (Members) SightKind() string { return "members" }

// SightKind implements [Sight].
func (Copies) SightKind() string { return "shards" }

// SightKind implements [Sight].
func (Recovery) SightKind() string { return "recovery" }

// SightKind implements [Sight].
func (Disks) SightKind() string { return "disks" }

// SightKind implements [Sight].
func (View) SightKind() string { return "view" }

// SightKind implements [Sight].
func (Loads) SightKind() string { return "loads" }

// SightKind implements [Sight].
func (HotShards) SightKind() string { return "hot_shards" }

// Health is the cluster's health in the authoritative view.
type Health struct {
	Status       string `json:"status"` // green, yellow, red; red too while no master is known
	Master       bool   `json:"master"` // a master is known
	Nodes        int    `json:"nodes"`
	Active       int    `json:"active"`
	Primaries    int    `json:"primaries"`
	Initializing int    `json:"initializing"`
	Relocating   int    `json:"relocating"`
	Unassigned   int    `json:"unassigned"`
	Delayed      int    `json:"delayed"`
	// Blocks are those in force, "no-master", an id of a global block or "INDEX:ID", in
	// order, parted by spaces. It is a text so that pictures of health can be compared.
	Blocks string `json:"blocks,omitempty"`
	// Version of the cluster state, Term of the master.
	Term    int64 `json:"term"`
	Version int64 `json:"version"`
}

// Members is who belongs to the cluster. Nodes are named as in the scenario, sorted.
type Members struct {
	Master string   `json:"master"` // "" none
	Nodes  []string `json:"nodes"`
}

// Copy is a shard copy in the routing table; an unassigned one has no node.
// Relocation targets appear as To of the relocating copy.
type Copy struct {
	Index   string `json:"i"`
	Shard   int    `json:"s"`
	Primary bool   `json:"p"`
	State   string `json:"st"` // UNASSIGNED, INITIALIZING, STARTED, RELOCATING
	Node    string `json:"n,omitempty"`
	To      string `json:"to,omitempty"`
	Reason  string `json:"why,omitempty"` // of UNASSIGNED and INITIALIZING
	Delayed bool   `json:"delayed,omitempty"`
	ID      string `json:"id,omitempty"`    // allocation id
	Epoch   uint64 `json:"epoch,omitempty"` // of a key-value shard
	Bytes   int64  `json:"bytes"`           // store size of the shard, -1 unknown
}

// Recovery is a recovery that started, went on or ended.
type Recovery struct {
	Index string `json:"i"`
	Shard int    `json:"s"`
	// ID identifies the recovery within the run: the allocation id of its target copy.
	ID      string `json:"id"`
	Primary bool   `json:"p"`
	// Kind is files, ops or local, as Elasticsearch's counters show it; "" while unknown.
	Kind   string `json:"kind"`
	From   string `json:"from,omitempty"`
	To     string `json:"to"`
	Reason string `json:"why"` // relocation, replica, store, …
	Stage  string `json:"stage"`
	// Bytes to copy and copied so far, reused excluded; Ops replayed.
	BytesTotal int64         `json:"total"`
	Bytes      int64         `json:"bytes"`
	Ops        int64         `json:"ops"`
	Start      time.Duration `json:"start"`
	Stop       time.Duration `json:"stop"` // 0 while it goes on
	Failed     bool          `json:"failed,omitempty"`
}

// Disk is a node's data disk, in bytes.
type Disk struct {
	Node  string `json:"n"`
	Used  int64  `json:"used"`
	Total int64  `json:"total"`
}

// View is what one node answers about itself, when it differs from before.
type View struct {
	Node   string   `json:"n"`
	Master string   `json:"master"` // in its applied state; "" none
	Nodes  []string `json:"nodes,omitempty"`
	State  string   `json:"state"` // ok, refused, timeout, error
}

// NodeLoad is how busy a node is at a moment: utilisations, each 0 to 1, and how it does
// with the operations on its shards (writes of every copy, searches and gets of a shard).
// Of a real node it is what its counters grew by in five seconds: processor time of the
// process, time in which its devices were busy, operations and their time; what its network
// card can do is not known, so Net is 0.
type NodeLoad struct {
	Node string  `json:"n"`
	CPU  float64 `json:"cpu"`
	Disk float64 `json:"disk"`
	Net  float64 `json:"net"`
	// QPS is operations per second.
	QPS float64 `json:"qps,omitempty"`
	// MeanMs is the mean time of one in milliseconds, the others are percentiles; 0 unknown.
	// Elasticsearch tells none but the mean: a real cluster's percentiles are unknown.
	MeanMs float64 `json:"mean_ms,omitempty"`
	P50Ms  float64 `json:"p50_ms,omitempty"`
	P90Ms  float64 `json:"p90_ms,omitempty"`
	P99Ms  float64 `json:"p99_ms,omitempty"`
	// Queue is how many operations wait for a thread, Rejected how many were refused for a
	// full queue since the node started.
	Queue    int64 `json:"queue,omitempty"`
	Rejected int64 `json:"rejected,omitempty"`
}

// ShardLoad is what one copy of a shard has to do.
type ShardLoad struct {
	Index   string `json:"i"`
	Shard   int    `json:"s"`
	Node    string `json:"n"`
	Primary bool   `json:"p"`
	// Writes and Reads are per second; times as in NodeLoad, for the copy's own mix.
	Writes float64 `json:"writes"`
	Reads  float64 `json:"reads"`
	MeanMs float64 `json:"mean_ms,omitempty"`
	P50Ms  float64 `json:"p50_ms,omitempty"`
	P90Ms  float64 `json:"p90_ms,omitempty"`
	P99Ms  float64 `json:"p99_ms,omitempty"`
}

// Shift turns the clock's time into time since t=0.
func (o *Observation) Shift(zero time.Duration) {
	o.At -= zero
	if rec, ok := o.Sight.(Recovery); ok {
		rec.Start -= zero
		if rec.Stop != 0 {
			rec.Stop -= zero
		}
		o.Sight = rec
	}
}
