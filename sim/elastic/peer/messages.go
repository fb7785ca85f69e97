package peer

import (
	"errors"

	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// ErrDelay is a source's answer "not yet": it has not applied the state in which the target
// recovers, or is not ready itself. The target tries again soon (DelayRecoveryException).
var ErrDelay = errors.New("delay recovery")

// ErrGone is a target's answer that there is no such attempt any more.
var ErrGone = errors.New("recovery is gone")

// ID names one attempt of a recovery. The target makes it; what still comes under an older
// one is refused.
type ID struct {
	Key store.Key
	// Copy is the allocation id of the copy that recovers, Process the ephemeral id of the
	// node that holds it.
	Copy, Process string
	Attempt       int
}

// Start is a target's request to its source (StartRecoveryRequest).
type Start struct {
	ID      ID
	Target  recovery.Target
	HandOff bool // relocation of the primary
}

// Bytes is the size of the request.
func (m Start) Bytes() int64 { return int64(1024 + 64*len(m.Target.Segments)) }

// Step is what a source has its target do next.
type Step interface {
	// Action is the name of the request.
	Action() string
	Bytes() int64
}

// FilesInfo tells which files the target keeps and which it gets
// (RecoveryFilesInfoRequest). Without files it is the beginning of a recovery by operations.
type FilesInfo struct{ Plan recovery.Plan }

// CleanFiles makes the files that came the target's store (RecoveryCleanFilesRequest).
type CleanFiles struct {
	Reuse, Copy []recovery.Segment
	History     string
	Commit      store.Commit
	Docs        *store.Engine // the documents that the commit contains
	Global      int64
	// Altered and Lost are damage that no checksum shows: it is in the files.
	Altered, Lost int64
}

// PrepareTranslog opens the target's engine; it then gets new operations
// (RecoveryPrepareForTranslogOperationsRequest).
type PrepareTranslog struct{ StartingSeqNo int64 }

// TranslogOps are the operations up to the moment when the target began to get new ones
// (RecoveryTranslogOperationsRequest). Their bytes came before, as a stream.
type TranslogOps struct {
	Ops []*store.Doc // those that the model holds one by one
	// Count are all of them, and Size their bytes.
	Count, Size int64
	// End is the last one, and FluidDocs what the source had of documents that are only
	// counted when it did that one.
	End, FluidDocs int64
}

// Finalize ends the recovery of a copy that has caught up
// (RecoveryFinalizeRecoveryRequest).
type Finalize struct {
	Global int64
	Leases recovery.Leases
}

// HandOff makes the target the acting primary of its replication group
// (RecoveryHandoffPrimaryContextRequest).
type HandOff struct {
	InSync  []string
	Tracked map[string]bool
	Leases  recovery.Leases
}

// The names of the requests.
func (FilesInfo) Action() string       { return "recovery.filesInfo" }
func (CleanFiles) Action() string      { return "recovery.clean_files" }
func (PrepareTranslog) Action() string { return "recovery.prepare_translog" }
func (TranslogOps) Action() string     { return "recovery.translog_ops" }
func (Finalize) Action() string        { return "recovery.finalize" }
func (HandOff) Action() string         { return "recovery.handoff_primary_context" }

// Bytes is the size of the list of files.
func (m FilesInfo) Bytes() int64 {
	return int64(256 * recovery.FilesPerSegment * (len(m.Plan.Copy) + len(m.Plan.Reuse)))
}

// The sizes of the others don't hang on what they say.
func (CleanFiles) Bytes() int64      { return 1024 }
func (PrepareTranslog) Bytes() int64 { return 0 }
func (TranslogOps) Bytes() int64     { return 0 }
func (Finalize) Bytes() int64        { return 512 }
func (HandOff) Bytes() int64         { return 2048 }
