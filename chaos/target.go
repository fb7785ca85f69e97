package chaos

import (
	"context"
	"fmt"
	"time"
)

// Target is what faults act on: what can be done to one cluster, a field for each
// capability, nil where the backend has none. Endpoints are named: nodes "n1", "n2", …,
// and the viewers "controller" and "client".
//
// Methods that act wait until the action is in force and return an error when it
// could not be done; they are called from processes of the backend's clock. Methods whose
// names begin with Supports say what can be had; they are also asked of a cluster that
// hasn't been started.
type Target struct {
	Links      Links      // directed links between endpoints
	Processes  Processes  // of nodes, and of the controller
	Upgrades   Upgrades   // of nodes
	Disks      Disks      // how full they are
	DiskSpeeds DiskSpeeds // how fast they are
	Clocks     Clocks     // the wall clocks of endpoints
	Settings   Settings   // dynamic settings of cluster and indices
	Answers    Answers    // what nodes answer over HTTP
	Snapshots  Snapshots  // taken by an operator
	Copies     Copies     // the files of shard copies
	Operator   Operator   // the key ranges of a key-value cluster
	API        API        // the HTTP interface of an Elasticsearch cluster
	// XPack: the nodes are of the default distribution of Elasticsearch, with x-pack.
	XPack bool
}

// CutMode is how a cut link behaves.
type CutMode uint8

// The modes of a cut.
const (
	// Whole: the link is not cut.
	Whole CutMode = iota
	// Reset closes open connections and refuses new ones: peers notice at once.
	Reset
	// Blackhole drops everything silently: peers notice by their time limits.
	Blackhole
)

// String is the mode's name in scenario files.
func (m CutMode) String() string { return [...]string{"whole", "reset", "blackhole"}[m] }

// ParseCutMode reads a mode's name; "whole" is not one that a file may ask for.
func ParseCutMode(s string) (CutMode, error) {
	switch s {
	case "reset":
		return Reset, nil
	case "blackhole":
		return Blackhole, nil
	}
	return Whole, fmt.Errorf("unknown cut mode %q: reset or blackhole", s)
}

// Shape slows a directed link.
type Shape struct {
	Latency   time.Duration // added one way
	Bandwidth int64         // bytes per second; 0: unlimited
	// PerConnection makes the bandwidth hold for each connection instead of the
	// link as a whole. Toxiproxy can do nothing else.
	PerConnection bool
}

// Links are the directed links between endpoints.
type Links interface {
	// SupportsShape returns an error that says why a shape can't be had.
	SupportsShape(Shape) error
	// Cut stops what from sends to to, on connections opened from either side.
	Cut(ctx context.Context, from, to string, mode CutMode) error
	Mend(ctx context.Context, from, to string) error
	Shape(ctx context.Context, from, to string, s Shape) error
	Unshape(ctx context.Context, from, to string) error
	// Probe sends something real from one endpoint to the other and waits for the
	// answer, which comes back over the opposite link.
	Probe(ctx context.Context, from, to string) (LinkProbe, error)
}

// LinkProbe is what a round trip over a link and back showed.
type LinkProbe struct {
	State     CutMode       // Whole: answered; Reset: refused or closed; Blackhole: no answer in time
	RoundTrip time.Duration // when answered
	// Rate is the bytes per second that a bulk probe achieved; 0: not measured.
	Rate int64
}

// ProcessState is whether a node's process runs.
type ProcessState uint8

// The states of a process.
const (
	Running ProcessState = iota
	Paused
	Exited
)

// String names the state.
func (s ProcessState) String() string { return [...]string{"running", "paused", "exited"}[s] }

// Processes are the nodes' processes.
type Processes interface {
	// Kill ends the process at once (SIGKILL); its disk stays.
	Kill(ctx context.Context, node string) error
	// Stop asks the process to end and waits until it has (SIGTERM).
	Stop(ctx context.Context, node string) error
	// Start starts a process that was killed or stopped, on its old disk. It returns
	// when the process has been started, not when it has joined.
	Start(ctx context.Context, node string) error
	// Pause freezes the process (SIGSTOP); its connections stay open and silent.
	Pause(ctx context.Context, node string) error
	Resume(ctx context.Context, node string) error
	State(ctx context.Context, node string) (ProcessState, error)
}

// Upgrades bring nodes back with a newer version.
type Upgrades interface {
	// StartNewer is [Processes.Start] with a version that is newer than that of nodes which
	// were not started so.
	StartNewer(ctx context.Context, node string) error
}

// Disks are the nodes' data disks.
type Disks interface {
	// Fill writes ballast until used/total is at least percent/100.
	Fill(ctx context.Context, node string, percent float64) error
	// Free removes the ballast.
	Free(ctx context.Context, node string) error
	// Usage returns bytes.
	Usage(ctx context.Context, node string) (DiskUsage, error)
}

// DiskUsage is how full a disk is, in bytes.
type DiskUsage struct {
	Used, Total, Ballast int64
}

// Percent is used/total in percent.
func (u DiskUsage) Percent() float64 {
	if u.Total == 0 {
		return 0
	}
	return 100 * float64(u.Used) / float64(u.Total)
}

// Settings are a cluster's dynamic settings, as a client sees them.
type Settings interface {
	// Read returns what the keys are set to; "" where nothing is set.
	Read(ctx context.Context, of Scope, keys []string) (map[string]string, error)
	// Write changes settings; "" takes one away.
	Write(ctx context.Context, of Scope, values map[string]string) error
}

// Scope is whose settings are meant: those of an index, or the cluster's persistent or
// transient ones.
type Scope struct {
	Index     string
	Transient bool
}

// Spoil is how answers are spoiled.
type Spoil struct {
	Answer     Answer
	RetryAfter time.Duration // of a 429 or 503; 0: not said
	Share      float64       // of the calls that are met, above 0 and up to 1
	// ChangesOnly lets GET and HEAD through.
	ChangesOnly bool
}

// Answers are what nodes answer to viewers.
type Answers interface {
	// Spoil puts a rule in force and returns its number, from 1. Of several for the same
	// node and viewer the newest that meets a call counts.
	Spoil(ctx context.Context, viewer, node string, s Spoil) (rule int, err error)
	Unspoil(ctx context.Context, rule int) error
	// Ask makes calls that change nothing, of the kind and between the ends that a rule is
	// about, until one is met by it: a few dozen at most. It says what came of the last.
	Ask(ctx context.Context, rule int) (met bool, saw string, err error)
}

// Clocks are the wall clocks of endpoints.
type Clocks interface {
	Jump(ctx context.Context, endpoint string, by time.Duration) error
	// Offset is how far a clock is ahead of what it would show if nobody had set it.
	Offset(ctx context.Context, endpoint string) (time.Duration, error)
}

// Permanent is a fault that ends only with the cluster when it has no time of its own:
// a node that is lost for good, one that has joined.
type Permanent interface {
	Fault
	// Permanent is whether there is nothing to heal at the end of the run.
	Permanent() bool
}

// forGood is embedded by steps that are done and stay so: nothing heals them, and they have no
// time of their own.
type forGood struct{}

// Lasts implements [Fault].
func (forGood) Lasts() time.Duration { return 0 }

// Permanent implements [Permanent].
func (forGood) Permanent() bool { return true }

// ForGood reports whether a fault stays as it is until the cluster is removed.
func ForGood(f Fault) bool {
	p, ok := f.(Permanent)
	return ok && p.Permanent()
}

// Setter is a fault that sets settings, whose names somebody else knows.
type Setter interface {
	Fault
	// Sets returns the settings, whether they are an index's, and the key of the parameter
	// that has them.
	Sets() (values map[string]string, ofIndex bool, at string)
}
