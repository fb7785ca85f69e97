package calibration

import (
	_ "embed"
	"encoding/json"
	"time"
)

// Constants are everything in the model that depends on a machine rather than on
// Elasticsearch's rules: one set for all scenarios, never fitted to one of them.
type Constants struct {
	// NodeStart is from the start of a node's process to its first discovery round,
	// for a data path that holds nothing (NodeStartEmpty) or something.
	NodeStart, NodeStartEmpty time.Duration
	// NodeStop is how long a process that was asked to stop takes to close.
	NodeStop time.Duration
	// StateUpdate is the master's cost of computing one state, StateApply a node's of
	// applying one, each plus PerChangedCopy for every copy that changed on the node.
	StateUpdate, StateApply, PerChangedCopy time.Duration
	// StateAccept is a node's cost of writing a published state to disk before it accepts.
	StateAccept time.Duration
	// TermWrite is the cost of writing a new term before a vote.
	TermWrite time.Duration
	// FailureNotice is from a closed connection or a last failed check to acting on it.
	FailureNotice time.Duration
	// Compute is the computation of the desired balance, beside the master service.
	Compute time.Duration
	// PerCopy is what each shard copy of the cluster adds to computing a state, and to
	// the computation of the desired balance.
	PerCopy time.Duration
	// StoreRead is what a node takes to look at a shard's store on disk.
	StoreRead time.Duration
	// RecoveryStart is a peer recovery's fixed cost before the first byte
	// (request, store opened, metadata read, leases), RecoveryEnd after the last
	// (renames, engine opened, finalize).
	RecoveryStart, RecoveryEnd time.Duration
	// LocalRecovery is the cost of recovering from an empty or existing store.
	LocalRecovery time.Duration
	// PerFile is the cost of a file copied beyond its bytes.
	PerFile time.Duration
	// PerOp is the cost of an operation replayed.
	PerOp time.Duration
	// CopyBPS is how fast one recovery copies when nothing throttles it: checksums
	// and file chunks with their acknowledgements, bytes per second.
	CopyBPS int64
	// Cold is by how much a process is slower than later for its first ColdFor: code that
	// has not been compiled yet. It concerns states and the steps of recoveries.
	Cold    int
	ColdFor time.Duration
	// IndexOp and SearchOp are the processor time of a write on one copy and of a
	// query on one shard.
	IndexOp, SearchOp time.Duration
	// CoordinateOp is the processor time that an operation takes on the node that a client
	// sends it to, RefreshOp that of a refresh with something to show.
	CoordinateOp, RefreshOp time.Duration
	// MergeBPS is how many bytes per second a processor merges.
	MergeBPS int64
	// DiskOp is what an operation costs the disk besides its bytes.
	DiskOp time.Duration
}

//go:embed calibration.json
var calibrationFile string

// Default is the calibration file that the program is built with. It was
// measured on a machine with two x86-64 processors that ran three nodes at once; the
// command calibrate writes one of the machine at hand.
func Default() Constants {
	var c Constants
	if err := json.Unmarshal([]byte(calibrationFile), &c); err != nil {
		panic("calibration.json: " + err.Error()) // a defect of the build, tests read it
	}
	return c
}
