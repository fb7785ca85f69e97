package importer

import (
	"strconv"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// statKey names a copy in statistics: by the id of its node.
type statKey struct {
	index string
	shard int
	node  string
}

// shardStat is what _stats?level=shards tells of a copy.
type shardStat struct {
	primary          bool
	docs, bytes      integer
	segments         integer // bytes in them
	max, local, glob integer
	indexed, queried integer
}

// commitBytes is about what a store takes beside its segments.
const commitBytes = 400

// size is what the copy takes. Elasticsearch tells a store's size as it was up to ten
// seconds ago (index.store.stats_refresh_interval), that of its segments as it is.
func (s *shardStat) size() clusterfile.Number {
	if s.segments.ok && s.segments.v > s.bytes.v {
		return clusterfile.Computed(s.segments.v + commitBytes)
	}
	return number(s.bytes)
}

// readStats reads _stats?level=shards.
func readStats(s stream, snap *snapshot) error {
	shards := 0
	err := s.object(func(key string) error {
		if key != "indices" {
			return s.SkipValue()
		}
		return s.object(func(index string) error {
			return s.object(func(key string) error {
				if key != "shards" {
					return s.SkipValue()
				}
				return s.object(func(num string) error {
					n, err := strconv.Atoi(num)
					if err != nil {
						return problemf("[%s] has a shard %q", clip(index), clip(num))
					}
					return s.array(func() error {
						shards++
						return readShardStat(s, snap, index, n)
					})
				})
			})
		})
	})
	if err == nil && shards == 0 {
		return problemf("it tells nothing of single copies; expected _stats?level=shards")
	}
	return err
}

func readShardStat(s stream, snap *snapshot, index string, shard int) error {
	var d struct {
		Routing struct {
			Primary truth `json:"primary"`
			Node    text  `json:"node"`
		} `json:"routing"`
		Docs struct {
			Count integer `json:"count"`
			Size  integer `json:"total_size_in_bytes"`
		} `json:"docs"`
		Store struct {
			Size integer `json:"size_in_bytes"`
		} `json:"store"`
		SeqNo struct {
			Max    integer `json:"max_seq_no"`
			Local  integer `json:"local_checkpoint"`
			Global integer `json:"global_checkpoint"`
		} `json:"seq_no"`
		Indexing struct {
			Total integer `json:"index_total"`
		} `json:"indexing"`
		Search struct {
			Total integer `json:"query_total"`
		} `json:"search"`
	}
	if err := s.into(&d); err != nil {
		return err
	}
	snap.shardStats[statKey{index, shard, string(d.Routing.Node)}] = shardStat{
		primary: bool(d.Routing.Primary), docs: d.Docs.Count, bytes: d.Store.Size, segments: d.Docs.Size,
		max: d.SeqNo.Max, local: d.SeqNo.Local, glob: d.SeqNo.Global, indexed: d.Indexing.Total, queried: d.Search.Total,
	}
	return nil
}
