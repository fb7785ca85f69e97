package settings

import "math"

// The settings of what operations cost. Sizes of thread pools have no default here: it
// follows the node's processors.
var (
	WriteThreads  = perNode("thread_pool.write.size", "0", ParseInt(0, math.MaxInt32))
	WriteQueue    = perNode("thread_pool.write.queue_size", "10000", ParseInt(-1, math.MaxInt32))
	SearchThreads = perNode("thread_pool.search.size", "0", ParseInt(0, math.MaxInt32))
	SearchQueue   = perNode("thread_pool.search.queue_size", "1000", ParseInt(-1, math.MaxInt32))
	GetThreads    = perNode("thread_pool.get.size", "0", ParseInt(0, math.MaxInt32))
	GetQueue      = perNode("thread_pool.get.queue_size", "1000", ParseInt(-1, math.MaxInt32))

	// IndexBufferSize is what all shards of a node may hold of documents that are in no
	// segment yet, bytes or a part of the heap; MinIndexBufferSize bounds the part from below.
	IndexBufferSize    = perNode("indices.memory.index_buffer_size", "10%", ParseRelative)
	MinIndexBufferSize = perNode("indices.memory.min_index_buffer_size", "48mb", ParseBytes)

	// IndexSegmentsPerTier is how many segments of about one size a shard may have before
	// they are merged.
	IndexSegmentsPerTier = perIndex("index.merge.policy.segments_per_tier", "10.0", ParseDouble(2, math.Inf(1)))
)

// perNode is a setting of elasticsearch.yml that does not change while the node runs.
func perNode[T any](key, def string, parse func(key, text string) (T, error)) *Setting[T] {
	return &Setting[T]{key: key, scope: Node, def: Fixed(def), parse: parse}
}
