package api

import (
	"time"
)

// Values of sequence numbers and terms that mean "not given".
const (
	// UnassignedSeqNo is SequenceNumbers.UNASSIGNED_SEQ_NO.
	UnassignedSeqNo int64 = -2
	// NoOpsPerformed is SequenceNumbers.NO_OPS_PERFORMED, a checkpoint before the first operation.
	NoOpsPerformed int64 = -1
	// UnassignedTerm is the primary term that isn't given.
	UnassignedTerm int64 = 0
	// MatchAnyVersion is Versions.MATCH_ANY.
	MatchAnyVersion int64 = -3
)

// OpType is what a bulk item does.
type OpType string

// The operations, named as in a bulk body.
const (
	OpIndex  OpType = "index"
	OpCreate OpType = "create"
	OpUpdate OpType = "update"
	OpDelete OpType = "delete"
)

// RefreshPolicy says when a write becomes visible to searches relative to its answer.
type RefreshPolicy uint8

// The policies: refresh=false, true and wait_for.
const (
	RefreshNone RefreshPolicy = iota
	RefreshImmediate
	RefreshWaitFor
)

// BulkItem is one write.
type BulkItem struct {
	Op    OpType
	Index string
	// ID is "" to have one generated (index and create only).
	ID      string
	Routing string
	Source  []byte
	// IfSeqNo and IfPrimaryTerm make the write conditional; [UnassignedSeqNo] and
	// [UnassignedTerm] don't.
	IfSeqNo, IfPrimaryTerm int64
	// Version with External: the write happens only when it is greater (External)
	// than the document's. [MatchAnyVersion] for none.
	Version         int64
	External        bool
	OrEqual         bool // External: the document's own version will do as well
	RequireExisting bool // require_alias-like checks are REST's; this is update without upsert
	// Update is what the primary lays over the present document; of an OpUpdate only.
	Update *Partial
	// RetryOnConflict is how often an update is tried again after a conflict.
	RetryOnConflict int
}

// BulkOptions apply to all items of a request.
type BulkOptions struct {
	// WaitForActiveShards is "" (the index's setting, 1 by default), "all" or a number.
	WaitForActiveShards string
	// Timeout is how long to wait for a primary and active copies; 0 means 1 m.
	Timeout time.Duration
	Refresh RefreshPolicy
}

// ShardInfo is the "_shards" of a write: copies the operation should have reached.
type ShardInfo struct {
	Total, Successful, Failed int
	Failures                  []ShardFailure
}

// ShardFailure is a copy, or a shard of a search, that failed.
type ShardFailure struct {
	Index  string
	Shard  int
	Node   string // node id; "" unknown
	Status string // "INTERNAL_SERVER_ERROR"
	Reason *Error
	// Primary tells whether the failed copy was the primary.
	Primary bool
}

// BulkResult is the answer to one item. With Err the other fields but Index, ID
// and Status are empty.
type BulkResult struct {
	Op            OpType
	Index, ID     string
	Result        string // created, updated, deleted, not_found, noop
	Version       int64
	SeqNo         int64
	PrimaryTerm   int64
	Shards        ShardInfo
	ForcedRefresh bool
	Source        []byte // of an update: what the document holds now
	Status        int
	Err           *Error
}

// GetResult is the answer to a get by id. Only Index and ID are set when Found is false.
type GetResult struct {
	Index, ID, Routing          string
	Found                       bool
	Version, SeqNo, PrimaryTerm int64
	Source                      []byte
}

// Selection is which documents a search is about: a value, which travels to the copies.
type Selection interface {
	Selects(index, id, routing string, source []byte) bool
}

// Loading is what a search needs in memory of documents: a value, which travels to the copies.
type Loading interface {
	// Bytes are those of the fields of an index's documents.
	Bytes(index string, sources [][]byte) map[string]int64
}

// SearchRequest is a search over whole indices.
type SearchRequest struct {
	// Indices are concrete names that exist.
	Indices []string
	// Only are, by index, the shards that are asked; those of an index that isn't there all are.
	Only map[string][]int
	// Match selects documents; nil is match_all.
	Match Selection
	// Within are, by index, the documents that can be seen of it at all; those of an index that
	// isn't there all can.
	Within map[string]Selection
	// Groups are names under which the search is counted too.
	Groups []string
	// Loads is what a search brings into memory of an index's documents, bytes by field; nil:
	// nothing.
	Loads Loading
	// Aggregations are what is computed of documents by their index, each with the type of what it
	// looks at: "terms/keyword".
	Aggregations map[string][]string
	// From and Size page through the hits, which come in order of shard and sequence number.
	From, Size int
	// Preference is "" (round robin over active copies), "_local", "_only_local" or a custom string.
	Preference string
	// AllowPartial answers with failed shards listed; otherwise one failure fails the request.
	AllowPartial bool
	// Timeout bounds the request; 0 means none.
	Timeout time.Duration
}

// Selects is which documents of an index the request wants; nil: all.
func (r *SearchRequest) Selects(index string) Selection {
	within, match := r.Within[index], r.Match
	switch {
	case within == nil:
		return match
	case match == nil:
		return within
	}
	return bothSelect{within, match}
}

// bothSelect selects what two selections do.
type bothSelect [2]Selection

func (b bothSelect) Selects(index, id, routing string, source []byte) bool {
	return b[0].Selects(index, id, routing, source) && b[1].Selects(index, id, routing, source)
}

// Hit is a document found by a search. Fluid documents are counted in the total
// but are never among the hits: they have no identity.
type Hit struct {
	Index, ID, Routing          string
	Version, SeqNo, PrimaryTerm int64
	Source                      []byte
}

// ShardsResult is the "_shards" of a search, count, refresh or flush.
type ShardsResult struct {
	Total, Successful, Skipped, Failed int
	Failures                           []ShardFailure
}

// SearchResult is the answer to a search.
type SearchResult struct {
	Took     time.Duration
	TimedOut bool
	Shards   ShardsResult
	// Total counts all matches, exactly.
	Total int64
	Hits  []Hit
}

// CountResult is the answer to a count.
type CountResult struct {
	Count  int64
	Shards ShardsResult
}
