package elastic

import "time"

// Calibration is everything in the model that depends on a machine rather than on
// Elasticsearch's rules: one set for all scenarios, never fitted to one of them.
type Calibration struct {
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
	// query on one shard; Request the cost of any request to a node.
	IndexOp, SearchOp, Request time.Duration
}

// DefaultCalibration was measured on a machine with two x86-64 processors that ran
// three nodes at once.
func DefaultCalibration() Calibration {
	return Calibration{
		NodeStart:      6500 * time.Millisecond,
		NodeStartEmpty: 8000 * time.Millisecond,
		NodeStop:       500 * time.Millisecond,
		StateUpdate:    20 * time.Millisecond,
		StateApply:     25 * time.Millisecond,
		PerChangedCopy: 2 * time.Millisecond,
		StateAccept:    30 * time.Millisecond,
		TermWrite:      40 * time.Millisecond,
		FailureNotice:  60 * time.Millisecond,
		Compute:        10 * time.Millisecond,
		PerCopy:        15 * time.Microsecond,
		StoreRead:      3 * time.Millisecond,
		RecoveryStart:  80 * time.Millisecond,
		RecoveryEnd:    80 * time.Millisecond,
		LocalRecovery:  80 * time.Millisecond,
		PerFile:        time.Millisecond,
		PerOp:          20 * time.Microsecond,
		CopyBPS:        80 << 20,
		Cold:           3,
		ColdFor:        5 * time.Second,
		IndexOp:        100 * time.Microsecond,
		SearchOp:       200 * time.Microsecond,
		Request:        200 * time.Microsecond,
	}
}
