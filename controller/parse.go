package controller

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseShards reads GET /_cat/shards?format=json. The result is sorted by index,
// shard, primary first, node.
func parseShards(body []byte) ([]ShardInfo, error) {
	var out []ShardInfo
	names := interner{}
	var row ShardInfo
	var bad error
	err := readCat(body, catVisitor{
		row: func() {
			row = ShardInfo{
				Docs: unknown, StoreBytes: unknown,
				MaxSeqNo: unknownSeqNo, LocalCheckpoint: unknownSeqNo, GlobalCheckpoint: unknownSeqNo,
			}
		},
		cell: func(key, value []byte) {
			if err := setShardCell(&row, names, key, value); err != nil && bad == nil {
				bad = fmt.Errorf("column %s: %w", key, err)
			}
		},
		end: func() error {
			if bad != nil {
				return bad
			}
			if row.Index == "" || row.State == "" {
				return fmt.Errorf("row %d has no index or state", len(out)+1)
			}
			out = append(out, row)
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	if !slices.IsSortedFunc(out, compareShards) {
		slices.SortStableFunc(out, compareShards)
	}
	return out, nil
}

// setShardCell sets the field of a column. Columns that aren't known are left alone.
func setShardCell(s *ShardInfo, names interner, key, value []byte) (err error) {
	switch string(key) {
	case "index":
		s.Index = names.get(value)
	case "shard":
		s.Shard, err = strconv.Atoi(string(value))
	case "prirep":
		s.Primary = string(value) == "p"
	case "state":
		s.State = names.get(value)
	case "node":
		setShardNode(s, names, value)
	case "unassigned.reason":
		s.UnassignedReason = names.get(value)
	case "docs":
		s.Docs, err = count(value, unknown)
	case "store":
		s.StoreBytes, err = count(value, unknown)
	case "seq_no.max":
		s.MaxSeqNo, err = count(value, unknownSeqNo)
	case "seq_no.local_checkpoint":
		s.LocalCheckpoint, err = count(value, unknownSeqNo)
	case "seq_no.global_checkpoint":
		s.GlobalCheckpoint, err = count(value, unknownSeqNo)
	case "search.query_total", "get.total":
		err = addCount(&s.Counters.Reads, value)
	case "search.query_time", "get.time":
		err = addCount(&s.Counters.ReadMillis, value)
	case "indexing.index_total":
		s.Counters.Indexed, err = count(value, 0)
	case "indexing.index_time":
		s.Counters.IndexMillis, err = count(value, 0)
	}
	return err
}

// addCount adds a cell to a counter that several columns make up.
func addCount(to *int64, value []byte) error {
	n, err := count(value, 0)
	*to += n
	return err
}

// setShardNode reads the node column: a name, or for a relocating copy
// "source -> address id target".
func setShardNode(s *ShardInfo, names interner, value []byte) {
	source, rest, moving := bytes.Cut(value, []byte(" -> "))
	s.Node = names.get(source)
	if !moving {
		return
	}
	if parts := bytes.SplitN(rest, []byte(" "), 3); len(parts) == 3 {
		s.RelocatingTo = names.get(parts[2])
	}
}

func compareShards(a, b ShardInfo) int {
	if c := cmp.Compare(a.Index, b.Index); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Shard, b.Shard); c != 0 {
		return c
	}
	if a.Primary != b.Primary {
		if a.Primary {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.Node, b.Node)
}

// count reads a whole number; nothing gives absent.
func count(value []byte, absent int64) (int64, error) {
	if len(value) == 0 {
		return absent, nil
	}
	return strconv.ParseInt(string(value), 10, 64)
}

// interner keeps one string per distinct value: a cluster has few nodes and
// indices, and many copies.
type interner map[string]string

func (t interner) get(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := t[string(b)]; ok {
		return s
	}
	s := string(b)
	t[s] = s
	return s
}

// recoveryAnswer is GET /_recovery, by index.
type recoveryAnswer map[string]struct {
	Shards []struct {
		ID          int    `json:"id"`
		Type        string `json:"type"`
		Stage       string `json:"stage"`
		Primary     bool   `json:"primary"`
		TotalMillis int64  `json:"total_time_in_millis"`
		Source      struct {
			Name string `json:"name"`
		} `json:"source"`
		Target struct {
			Name string `json:"name"`
		} `json:"target"`
		Index struct {
			Size struct {
				Total     int64 `json:"total_in_bytes"`
				Reused    int64 `json:"reused_in_bytes"`
				Recovered int64 `json:"recovered_in_bytes"`
			} `json:"size"`
			Files struct {
				Total     int64 `json:"total"`
				Reused    int64 `json:"reused"`
				Recovered int64 `json:"recovered"`
			} `json:"files"`
			SourceThrottleMillis int64 `json:"source_throttle_time_in_millis"`
			TargetThrottleMillis int64 `json:"target_throttle_time_in_millis"`
		} `json:"index"`
		Translog struct {
			Recovered int64 `json:"recovered"`
			Total     int64 `json:"total"`
		} `json:"translog"`
	} `json:"shards"`
}

// recoveryPaths are the parts of the answer that parseShardRecovery reads.
func recoveryPaths() []string {
	return []string{
		"*.shards.id", "*.shards.type", "*.shards.stage", "*.shards.primary", "*.shards.total_time_in_millis",
		"*.shards.source.name", "*.shards.target.name", "*.shards.index.size", "*.shards.index.files",
		"*.shards.index.*_throttle_time_in_millis", "*.shards.translog.recovered", "*.shards.translog.total",
	}
}

// parseShardRecovery reads GET /_recovery, sorted by index, shard and target.
func parseShardRecovery(body []byte) ([]ShardRecovery, error) {
	var answer recoveryAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("recoveries: %w", err)
	}
	var out []ShardRecovery
	for _, index := range slices.Sorted(maps.Keys(answer)) {
		for _, s := range answer[index].Shards {
			out = append(out, ShardRecovery{
				Index: index, Shard: s.ID, Primary: s.Primary, Type: s.Type, Stage: strings.ToLower(s.Stage),
				Source: s.Source.Name, Target: s.Target.Name,
				Elapsed:    time.Duration(s.TotalMillis) * time.Millisecond,
				BytesTotal: s.Index.Size.Total, BytesReused: s.Index.Size.Reused, BytesRecovered: s.Index.Size.Recovered,
				FilesTotal: s.Index.Files.Total, FilesReused: s.Index.Files.Reused, FilesRecovered: s.Index.Files.Recovered,
				OpsTotal: s.Translog.Total, OpsRecovered: s.Translog.Recovered,
				SourceThrottle: time.Duration(s.Index.SourceThrottleMillis) * time.Millisecond,
				TargetThrottle: time.Duration(s.Index.TargetThrottleMillis) * time.Millisecond,
			})
		}
	}
	slices.SortStableFunc(out, func(a, b ShardRecovery) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Target, b.Target))
	})
	return out, nil
}

// statsPaths are the parts of the answer that parseClusterStats reads.
func statsPaths() []string {
	return []string{
		"cluster_name", "status", "nodes.count", "indices.count", "indices.shards.total", "indices.shards.primaries",
		"indices.docs.count", "indices.store.size_in_bytes",
	}
}

// parseClusterStats reads GET /_cluster/stats.
func parseClusterStats(body []byte) (ClusterStats, error) {
	var a struct {
		Cluster string `json:"cluster_name"`
		Status  string `json:"status"`
		Nodes   struct {
			Count map[string]int `json:"count"`
		} `json:"nodes"`
		Indices struct {
			Count  int `json:"count"`
			Shards struct {
				Total     int `json:"total"`
				Primaries int `json:"primaries"`
			} `json:"shards"`
			Docs struct {
				Count int64 `json:"count"`
			} `json:"docs"`
			Store struct {
				Size int64 `json:"size_in_bytes"`
			} `json:"store"`
		} `json:"indices"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return ClusterStats{}, fmt.Errorf("cluster stats: %w", err)
	}
	s := ClusterStats{
		Cluster: a.Cluster, Status: a.Status, Nodes: a.Nodes.Count["total"],
		Indices: a.Indices.Count, Shards: a.Indices.Shards.Total, Primaries: a.Indices.Shards.Primaries,
		Docs: a.Indices.Docs.Count, StoreBytes: a.Indices.Store.Size,
	}
	// A node counts once for each of its data roles; the largest count is a lower
	// bound, and exact where all data nodes have one role in common.
	for _, role := range slices.Sorted(maps.Keys(a.Nodes.Count)) {
		if role == "data" || strings.HasPrefix(role, "data_") {
			s.DataNodes = max(s.DataNodes, a.Nodes.Count[role])
		}
	}
	return s, nil
}
