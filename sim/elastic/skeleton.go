package elastic

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// This file is the agreed surface while the parts behind it are being written; it
// goes away piece by piece.

// Cluster is a set of machines and what runs on them.
type Cluster struct{}

// Node is one machine with its node.
type Node struct{}

// New builds a cluster; nothing runs yet.
func New(Config) (*Cluster, error) { panic("not yet") }

// Start starts every node that isn't Late, all at once.
func (c *Cluster) Start() { panic("not yet") }

// Engine is the engine that the cluster lives in.
func (c *Cluster) Engine() *sim.Engine { panic("not yet") }

// Network is the network between the nodes and their viewers.
func (c *Cluster) Network() *sim.Network { panic("not yet") }

// Name is cluster.name.
func (c *Cluster) Name() string { panic("not yet") }

// Nodes are all nodes, alive or not, in order of the configuration.
func (c *Cluster) Nodes() []*Node { panic("not yet") }

// Node finds a node by name, or nil.
func (c *Cluster) Node(name string) *Node { panic("not yet") }

// NodeByID finds a node by its persistent id, or nil.
func (c *Cluster) NodeByID(id string) *Node { panic("not yet") }

// Name is node.name, also the host name of its URL.
func (n *Node) Name() string { panic("not yet") }

// ID is the persistent id.
func (n *Node) ID() string { panic("not yet") }

// Alive reports whether the process runs (a paused one does).
func (n *Node) Alive() bool { panic("not yet") }

// Serving reports whether the HTTP port is open: the process runs and has come so
// far in its start. A paused node's port is open but silent.
func (n *Node) Serving() bool { panic("not yet") }

// Paused reports whether the process is frozen.
func (n *Node) Paused() bool { panic("not yet") }

// AwaitAwake waits while the process is frozen; IsNodeGone(err) when it died meanwhile.
func (n *Node) AwaitAwake(ctx context.Context) error { panic("not yet") }

// Incarnation counts the starts of the process: a request that began in one ends
// with a closed connection when it is over.
func (n *Node) Incarnation() int { panic("not yet") }

// Applied is the state that the node has applied. It is never nil; before the
// first one it has no master and the block "state not recovered / initialized".
func (n *Node) Applied() *state.State { panic("not yet") }

// Self is the node as it presents itself to the others.
func (n *Node) Self() *state.Node { panic("not yet") }

// Settings is the node's elasticsearch.yml.
func (n *Node) Settings() settings.Settings { panic("not yet") }

// ClusterSettings are the cluster-wide settings in force on the node: transient over
// persistent of the applied state, over elasticsearch.yml.
func (n *Node) ClusterSettings() settings.Settings { panic("not yet") }

// Priority orders the master's tasks.
type Priority uint8

// The priorities, most urgent first.
const (
	Immediate Priority = iota
	Urgent
	High
	Normal
	Low
	Languid
)

// MasterTask runs update as a task of the elected master's, wherever it is: the
// request travels to it, is retried while there is none or it changes, until
// masterTimeout has passed (503 master_not_discovered_exception). It returns the
// state published and whether every node acknowledged it within ackTimeout. An
// error of update is returned as it is and publishes nothing; update returning its
// argument publishes nothing.
func (n *Node) MasterTask(ctx context.Context, source string, p Priority, masterTimeout, ackTimeout time.Duration,
	update func(*state.State) (*state.State, error)) (acked bool, published *state.State, err error) {
	panic("not yet")
}

// PendingTasks are the master's queued tasks.
func (n *Node) PendingTasks(ctx context.Context, local bool, masterTimeout time.Duration) ([]PendingTask, error) {
	panic("not yet")
}

// PendingTask is a queued or executing task of the master's.
type PendingTask struct {
	InsertOrder int64
	Priority    Priority
	Source      string
	Executing   bool
	InQueue     time.Duration
}

// ReadState is the elected master's applied state, or with local the node's own. The
// master is waited for up to masterTimeout.
func (n *Node) ReadState(ctx context.Context, local bool, masterTimeout time.Duration) (*state.State, error) {
	panic("not yet")
}

// NodeResult is one node's part of a fan-out.
type NodeResult[T any] struct {
	Node  *state.Node
	Value T
	Err   error
}

// FanOut asks several nodes at once over the network, as Elasticsearch's nodes
// actions do, and waits for all of them; silent ones up to timeout (0: for ever).
// Results stand in the order of targets. f runs on the target.
func FanOut[T any](ctx context.Context, n *Node, targets []*state.Node, timeout time.Duration, f func(*Node) (T, error)) []NodeResult[T] {
	panic("not yet")
}

// MasterNode is FanOut to the elected master alone, waited for up to masterTimeout,
// with the allocator's or the cluster info's answers. f runs on the master.
func OnMaster[T any](ctx context.Context, n *Node, masterTimeout time.Duration, f func(master *Node) (T, error)) (T, error) {
	panic("not yet")
}

// Bulk writes items and answers in their order.
func (n *Node) Bulk(ctx context.Context, items []BulkItem, opt BulkOptions) []BulkResult {
	panic("not yet")
}

// Get reads a document by id; realtime sees writes that no refresh has made visible yet.
func (n *Node) Get(ctx context.Context, index, id, routing string, realtime bool) (GetResult, error) {
	panic("not yet")
}

// Search queries a copy of every shard.
func (n *Node) Search(ctx context.Context, req SearchRequest) (SearchResult, error) {
	panic("not yet")
}

// Count is Search without hits.
func (n *Node) Count(ctx context.Context, req SearchRequest) (CountResult, error) {
	panic("not yet")
}

// Refresh makes everything written visible to searches, on every active copy.
func (n *Node) Refresh(ctx context.Context, indices []string) (ShardsResult, error) {
	panic("not yet")
}

// Flush commits every copy.
func (n *Node) Flush(ctx context.Context, indices []string) (ShardsResult, error) {
	panic("not yet")
}

// CreateIndex is what an index is created from. Names, settings and mapping have been
// validated; settings carry the "index." prefix.
type CreateIndex struct {
	Name                      string
	Settings                  settings.Settings
	Mapping                   []byte
	WaitForActiveShards       string
	MasterTimeout, AckTimeout time.Duration
}

// CreateIndex creates an index and waits for its active shards up to the ack timeout.
func (n *Node) CreateIndex(ctx context.Context, req CreateIndex) (acked, shardsAcked bool, err error) {
	panic("not yet")
}

// DeleteIndices deletes indices that exist.
func (n *Node) DeleteIndices(ctx context.Context, names []string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	panic("not yet")
}

// UpdateIndexSettings changes "index." settings of indices, validated by the caller;
// a nil value resets one to its default.
func (n *Node) UpdateIndexSettings(ctx context.Context, names []string, changes map[string]*string,
	masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	panic("not yet")
}

// UpdateClusterSettings changes cluster-wide settings, validated by the caller, and
// reroutes as Elasticsearch does.
func (n *Node) UpdateClusterSettings(ctx context.Context, persistent, transient map[string]*string,
	masterTimeout, ackTimeout time.Duration) (acked bool, published *state.State, err error) {
	panic("not yet")
}

// LocalShardStats are the shard copies on this node, by index and shard.
func (n *Node) LocalShardStats() []ShardStats { panic("not yet") }

// LocalRecoveries are the recoveries of the copies on this node: for each the one
// that is running or the last one.
func (n *Node) LocalRecoveries() []RecoveryInfo { panic("not yet") }

// LocalNodeStats are the node's own figures.
func (n *Node) LocalNodeStats() NodeStats { panic("not yet") }
