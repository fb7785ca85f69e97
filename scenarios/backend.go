package scenarios

import (
	"context"
	"errors"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// ErrUnavailable says that a backend can't run here (no Docker, no image) or lacks
// something the scenario needs. The command exits with 3.
var ErrUnavailable = errors.New("backend not available")

// ErrScenario says that a scenario can't be carried out as it is written, which only its
// run could tell. The command exits with 2.
var ErrScenario = errors.New("the scenario can't be carried out")

// Misplaced is what a cluster refused of the scenario, with the path in the file that asks
// for it. The command exits with 2 and names line and column.
type Misplaced struct {
	Path string
	Err  error
	// Explained says that the cluster took what the file asks for and can tell why it is no
	// further: that is told along with it.
	Explained bool
}

func (m *Misplaced) Error() string { return m.Err.Error() }

// Unwrap makes it an [ErrScenario].
func (m *Misplaced) Unwrap() []error { return []error{m.Err, ErrScenario} }

// ErrAborted says that the run was stopped from outside or can't go on; faults were healed and
// the report written first. The command exits with 4.
var ErrAborted = errors.New("aborted")

// Viewers that a backend gives a view of the cluster besides the nodes themselves.
// Each has links of its own that faults can cut.
const (
	ViewerController = "controller"
	ViewerClient     = "client"
)

// Backend makes clusters.
type Backend interface {
	// Name is "sim" or "real".
	Name() string
	// Offers is what faults could act on in the cluster described, told without one: of
	// the target's methods only those that say what can be had may be called. An error wraps
	// [ErrUnavailable] where the backend can't run.
	Offers(ctx context.Context, spec ClusterSpec) (chaos.Target, error)
	// Start builds the cluster described and returns when its processes have been
	// started. An error wraps [ErrUnavailable] where the backend can't run.
	Start(ctx context.Context, spec ClusterSpec, opt StartOptions) (Cluster, error)
}

// StartOptions are what a backend needs besides the description.
type StartOptions struct {
	Seed uint64
	// Progress tells a person what is going on; never nil.
	Progress func(format string, args ...any)
	// OnEvent, when set, is told every event of a deterministic backend, for comparing
	// two runs.
	OnEvent func(Event)
	// Journal is the file in which a real backend writes down, before it does anything to the
	// cluster, how that is undone; "": nowhere.
	Journal string
}

// Event is one step of a deterministic backend.
type Event struct {
	Index uint64 // counted from 1, notes of the model among them
	Run   uint64 // how many events have been run, as [Cluster.Counters] counts them
	At    time.Duration
	What  string // type and entity
	Hash  uint64 // rolling, after this event
}

// Cluster is a running cluster. What only clusters of one system can do, their backends offer
// beside it; the system asks for that.
type Cluster interface {
	// Run calls main as a process of the cluster's clock and drives that clock
	// until main has returned. ctx is a real context: when it ends (Ctrl-C), run is
	// cancelled, and Run waits for main to clean up with the other context, which is
	// not. A panic of main or of a process is returned as an error.
	Run(ctx context.Context, main func(run, cleanup context.Context) error) error
	// Clock is the clock of an endpoint outside the nodes: controller, client, runner.
	// The monotonic times of all of them have the same origin.
	Clock(viewer string) clock.Clock
	// Nodes are the names of the nodes, n1 first.
	Nodes() []string
	// Target is what faults act on.
	Target() chaos.Target
	// Observe starts the observations, beginning with a full picture; sink is called in
	// order, never twice at once. Every time in them is the monotonic time of Clock.
	Observe(ctx context.Context, sink func(observed.Observation)) error
	// Notes say what of the description was scaled or not reproduced, and what is
	// particular to this run (images, versions).
	Notes() []string
	// Counters are events executed and trace hash; zero where there are none.
	Counters() (events, traceHash uint64)
	// Close removes everything the cluster has made. It may be called twice.
	Close(ctx context.Context) error
}

// ClusterSpec describes a cluster, after defaults and scaling.
type ClusterSpec struct {
	Name   string
	System string // elasticsearch or kv
	Nodes  []NodeSpec
	// Viewers are the endpoints beside the nodes: the controller or several, the client.
	Viewers []string
	// Settings are cluster-wide: "cluster.*" and "indices.*" are persistent settings or
	// elasticsearch.yml's where they are not dynamic; "index.*" apply to every index.
	Settings map[string]string
	// Changed are settings that will be set during the run.
	Changed map[string]string
	// Calm says that the cluster need not be green once its data is loaded: it is enough that
	// nothing recovers any more.
	Calm bool
	// SteadyWithin is how long the first steady state may take.
	SteadyWithin time.Duration
	// Began is what the nodes' clocks show when they start; zero: the backend's own time.
	Began time.Time
	// Own is what only a cluster of its system has, see [System].
	Own any
}

// NodeSpec describes one node.
type NodeSpec struct {
	Name       string
	Disk       int64         // bytes
	DiskRate   int64         // bytes per second, read and write each; 0: unlimited
	Network    int64         // bytes per second each way; 0: unlimited
	Latency    time.Duration // one way to any other endpoint
	CPUs       int
	Heap       int64 // bytes
	Roles      []string
	Attributes map[string]string
	Version    string // of Elasticsearch; "": the one that the backend has
	// Late nodes are part of the cluster's description but not started with it.
	Late bool
}

// Stalling is implemented by clusters that share their machine with others.
type Stalling interface {
	// Stalled is how long, in all, the machine stood still, whatever the cluster did.
	Stalled() time.Duration
}
