package importer

import "strconv"

// statKey names a copy in statistics: by the id of its node.
type statKey struct {
	index string
	shard int
	node  string
}

// shardStat is what _stats?level=shards tells of a copy.
type shardStat struct {
	primary          bool
	docs, bytes      whole
	max, local, glob whole
	indexed, queried whole
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
			Count whole `json:"count"`
		} `json:"docs"`
		Store struct {
			Size whole `json:"size_in_bytes"`
		} `json:"store"`
		SeqNo struct {
			Max    whole `json:"max_seq_no"`
			Local  whole `json:"local_checkpoint"`
			Global whole `json:"global_checkpoint"`
		} `json:"seq_no"`
		Indexing struct {
			Total whole `json:"index_total"`
		} `json:"indexing"`
		Search struct {
			Total whole `json:"query_total"`
		} `json:"search"`
	}
	if err := s.into(&d); err != nil {
		return err
	}
	snap.shardStats[statKey{index, shard, string(d.Routing.Node)}] = shardStat{
		primary: bool(d.Routing.Primary), docs: d.Docs.Count, bytes: d.Store.Size,
		max: d.SeqNo.Max, local: d.SeqNo.Local, glob: d.SeqNo.Global, indexed: d.Indexing.Total, queried: d.Search.Total,
	}
	return nil
}
