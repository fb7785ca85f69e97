package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// What a recovery's source and target tell each other. Every message is a value: what it
// holds belongs to whoever receives it, and nothing in it is the sender's memory.

// recoveryID names one attempt of a recovery. The target makes it; what still comes under
// an older one is refused.
type recoveryID struct {
	key store.Key
	// copy is the allocation id of the copy that recovers, process the ephemeral id of the
	// node that holds it.
	copy, process string
	attempt       int
}

// startRequest is a target's request to its source (StartRecoveryRequest).
type startRequest struct {
	id      recoveryID
	target  recovery.Target
	handOff bool // relocation of the primary
}

func (m startRequest) bytes() int64 { return int64(1024 + 64*len(m.target.Segments)) }

// recoveryStep is what a source has its target do next.
type recoveryStep interface {
	// action is the name of the request.
	action() string
	bytes() int64
}

// filesInfo tells which files the target keeps and which it gets
// (RecoveryFilesInfoRequest). Without files it is the beginning of a recovery by operations.
type filesInfo struct{ plan recovery.Plan }

func (filesInfo) action() string { return "recovery.filesInfo" }

func (m filesInfo) bytes() int64 {
	return int64(256 * recovery.FilesPerSegment * (len(m.plan.Copy) + len(m.plan.Reuse)))
}

// cleanFiles makes the files that came the target's store (RecoveryCleanFilesRequest).
type cleanFiles struct {
	reuse, copy []recovery.Segment
	history     string
	commit      store.Commit
	docs        *store.Engine // the documents that the commit contains
	global      int64
	// altered and lost are damage that no checksum shows: it is in the files.
	altered, lost int64
}

func (cleanFiles) action() string { return "recovery.clean_files" }
func (cleanFiles) bytes() int64   { return 1024 }

// prepareTranslog opens the target's engine; it then gets new operations
// (RecoveryPrepareForTranslogOperationsRequest).
type prepareTranslog struct{ startingSeqNo int64 }

func (prepareTranslog) action() string { return "recovery.prepare_translog" }
func (prepareTranslog) bytes() int64   { return 0 }

// translogOps are the operations up to the moment when the target began to get new ones
// (RecoveryTranslogOperationsRequest). Their bytes came before, as a stream.
type translogOps struct {
	ops []*store.Doc // those that the model holds one by one
	// count are all of them, and size their bytes.
	count, size int64
	// end is the last one, and fluidDocs what the source had of documents that are only
	// counted when it did that one.
	end, fluidDocs int64
}

func (translogOps) action() string { return "recovery.translog_ops" }
func (translogOps) bytes() int64   { return 0 }

// finalizeRecovery ends the recovery of a copy that has caught up
// (RecoveryFinalizeRecoveryRequest).
type finalizeRecovery struct {
	global int64
	leases recovery.Leases
}

func (finalizeRecovery) action() string { return "recovery.finalize" }
func (finalizeRecovery) bytes() int64   { return 512 }

// handOffPrimary makes the target the acting primary of its replication group
// (RecoveryHandoffPrimaryContextRequest).
type handOffPrimary struct {
	inSync  []string
	tracked map[string]bool
	leases  recovery.Leases
}

func (handOffPrimary) action() string { return "recovery.handoff_primary_context" }
func (handOffPrimary) bytes() int64   { return 2048 }
