package elastic

import "github.com/shardquake/shardquake/sim/elastic/api"

// What callers ask of a node and get from it, so that they need not name package api.
type (
	Error = api.Error
	Field = api.Field

	OpType        = api.OpType
	RefreshPolicy = api.RefreshPolicy
	BulkItem      = api.BulkItem
	Partial       = api.Partial
	BulkOptions   = api.BulkOptions
	BulkResult    = api.BulkResult
	ShardInfo     = api.ShardInfo
	ShardFailure  = api.ShardFailure
	GetResult     = api.GetResult
	SearchRequest = api.SearchRequest
	Selection     = api.Selection
	Loading       = api.Loading
	SearchResult  = api.SearchResult
	Hit           = api.Hit
	ShardsResult  = api.ShardsResult
	CountResult   = api.CountResult

	ShardStats    = api.ShardStats
	IndexingStats = api.IndexingStats
	GetStats      = api.GetStats
	SearchStats   = api.SearchStats
	SearchGroup   = api.SearchGroup
	MergeStats    = api.MergeStats
	LeaseStats    = api.LeaseStats
	LeaseInfo     = api.LeaseInfo
	RecoveryStage = api.RecoveryStage
	RecoveryInfo  = api.RecoveryInfo
	RecoveryFiles = api.RecoveryFiles
	RecoveryFile  = api.RecoveryFile
	NodeStats     = api.NodeStats
	PoolStats     = api.PoolStats
	IOStats       = api.IOStats
)

// The constants that go with them.
const (
	UnassignedSeqNo = api.UnassignedSeqNo
	NoOpsPerformed  = api.NoOpsPerformed
	UnassignedTerm  = api.UnassignedTerm
	MatchAnyVersion = api.MatchAnyVersion

	OpIndex  = api.OpIndex
	OpCreate = api.OpCreate
	OpUpdate = api.OpUpdate
	OpDelete = api.OpDelete

	RefreshNone      = api.RefreshNone
	RefreshImmediate = api.RefreshImmediate
	RefreshWaitFor   = api.RefreshWaitFor

	StageInit        = api.StageInit
	StageIndex       = api.StageIndex
	StageVerifyIndex = api.StageVerifyIndex
	StageTranslog    = api.StageTranslog
	StageFinalize    = api.StageFinalize
	StageDone        = api.StageDone
)

// AsError gives err as an [*Error]: itself when it is one, an internal "exception" otherwise.
func AsError(err error) *Error { return api.AsError(err) }

// IndexNotFound is the answer to an index name that doesn't exist.
func IndexNotFound(index string) *Error { return api.IndexNotFound(index) }

// MasterNotDiscovered is the answer of a node that found no master within the
// master timeout.
func MasterNotDiscovered() *Error { return api.MasterNotDiscovered() }
