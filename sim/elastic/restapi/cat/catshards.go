package cat

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/stats"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// routingColumns of _cat/shards come from the cluster state alone.
var routingColumns = map[string]func(r *shardRow) cell{
	"index":  func(r *shardRow) cell { return text(r.copy.Index) },
	"shard":  func(r *shardRow) cell { return count(int64(r.copy.Shard)) },
	"prirep": func(r *shardRow) cell { return text(prirep(r.copy)) },
	"state":  func(r *shardRow) cell { return text(r.copy.State.String()) },
	"ip": func(r *shardRow) cell {
		if r.node == nil {
			return cell{}
		}
		return text(rest.Address(r.node))
	},
	"id": func(r *shardRow) cell {
		if r.node == nil {
			return cell{}
		}
		return text(r.node.ID)
	},
	"node": func(r *shardRow) cell {
		switch {
		case r.node == nil:
			return cell{}
		case r.other != nil:
			return text(r.node.Name + " -> " + rest.Address(r.other) + " " + r.other.ID + " " + r.other.Name)
		}
		return text(r.node.Name)
	},
	"sync_id": func(*shardRow) cell { return cell{} },
	"unassigned.reason": func(r *shardRow) cell {
		if r.copy.Info == nil {
			return cell{}
		}
		return text(string(r.copy.Info.Reason))
	},
	"unassigned.at": func(r *shardRow) cell {
		if r.copy.Info == nil {
			return cell{}
		}
		return text(rest.IsoMillis(time.UnixMilli(r.copy.Info.AtMillis).UTC()))
	},
	"unassigned.for": func(r *shardRow) cell {
		if r.copy.Info == nil {
			return cell{}
		}
		return duration(time.Duration(max(0, r.now-r.copy.Info.AtMillis)) * time.Millisecond)
	},
	"unassigned.details": func(r *shardRow) cell {
		if r.copy.Info == nil || r.copy.Info.Message == "" {
			return cell{}
		}
		return text(cluster.Details(r.copy.Info))
	},
	"recoverysource.type": func(r *shardRow) cell {
		if r.copy.Source == state.NoSource || r.copy.Active() {
			return cell{}
		}
		return text(strings.ToLower(r.copy.Source.String()))
	},
}

type shardRow struct {
	copy        *state.Copy
	node, other *state.Node   // other is where a relocating copy goes
	stats       *stats.Totals // nil: none
	now         int64         // milliseconds since 1970
}

func prirep(c *state.Copy) string {
	if c.Primary {
		return "p"
	}
	return "r"
}

func isRoutingColumn(name string) bool { _, ok := routingColumns[name]; return ok }

func prepareCatShards(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	timeout := r.MasterTimeout()
	return catAction(r, "shards", func(c *rest.Call) *table {
		st := c.State(false, timeout)
		chosen := rest.Resolve(st, names, rest.ExpandHidden)
		columns := tables["shards"]
		needed := needsStats(c.Req, columns, isRoutingColumn)
		sizesOnly := !needsStats(c.Req, columns, func(name string) bool { return isRoutingColumn(name) || isSizeColumn(name) })
		stats := copyFigures(c, st, chosen, needed, sizesOnly)
		make := func() *table {
			rows := routingRows(st, chosen, c.Wall().UnixMilli())
			for i := range rows {
				rows[i].stats = stats[rows[i].copy.AllocationID]
			}
			return shardTable(rows, columns)
		}
		if needed || asks(c.Req, columns, "unassigned.for") {
			return make()
		}
		return &table{of: st, make: make}
	})
}

func shardTable(rows []shardRow, columns []column) *table {
	return &table{name: "shards", rows: len(rows), values: func(name string) func(int) cell {
		if get := routingColumns[name]; get != nil {
			return func(i int) cell { return get(&rows[i]) }
		}
		if name == "path.data" || name == "path.state" {
			return func(i int) cell {
				if rows[i].stats == nil {
					return cell{}
				}
				return text(rest.DataPath)
			}
		}
		return statColumn(columns, name, func(i int) *stats.Totals { return rows[i].stats })
	}}
}

// routingRows lists the copies in the order of the routing table.
func routingRows(st *state.State, names []string, now int64) []shardRow {
	nodes := map[string]*state.Node{}
	for _, n := range st.Nodes {
		nodes[n.ID] = n
	}
	all := len(names) == len(st.Indices)
	var rows []shardRow
	for _, t := range st.Routing.Indices {
		if !all && !slices.Contains(names, t.Index) {
			continue
		}
		for _, s := range t.Shards {
			for _, cp := range s.Copies {
				row := shardRow{copy: cp, node: nodes[cp.Node], now: now}
				if cp.State == state.Relocating {
					row.other = nodes[cp.Other]
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// isSizeColumn reports whether a column of _cat/shards is documents or bytes.
func isSizeColumn(name string) bool { return name == "docs" || name == "store" || name == "dataset" }

// askCopies asks nodes for the figures of their copies; where none are needed for nothing, as
// Elasticsearch asks.
type askCopies struct{ needed, sizesOnly bool }

func (q askCopies) Ask(n *elastic.Node) ([]stats.Totals, error) {
	if !q.needed {
		return nil, nil
	}
	each := figures.EachShardStats
	if q.sizesOnly {
		each = figures.EachShardSize
	}
	out := make([]stats.Totals, 0, figures.Copies(n))
	each(n, func(s *elastic.ShardStats) { out = append(out, stats.Totals{Shards: 1, ShardStats: *s}) })
	return out, nil
}

// copyFigures asks the nodes for the figures of their copies, as Elasticsearch does
// whatever the columns, by allocation id. Nothing is carried over that no column needs.
func copyFigures(c *rest.Call, st *state.State, names []string, needed, sizesOnly bool) map[string]*stats.Totals {
	results, _ := rest.FanOut(c, stats.HoldersIn(c, st, names), 0, askCopies{needed, sizesOnly})
	if !needed {
		return nil
	}
	count := 0
	for _, r := range results {
		count += len(r.Value)
	}
	byID := make(map[string]*stats.Totals, count)
	for _, r := range results {
		for i := range r.Value {
			byID[r.Value[i].AllocationID] = &r.Value[i]
		}
	}
	return byID
}

func prepareCatAllocation(r *rest.Request) rest.Action {
	filters := r.ListParam("nodes")
	timeout := r.MasterTimeout()
	local := r.BoolParam("local", false)
	return catAction(r, "allocation", func(c *rest.Call) *table {
		st := c.State(local, timeout)
		targets := slices.DeleteFunc(rest.NodesOf(st, c.Node.ID(), dataNodes(filters)), func(n *state.Node) bool { return !rest.IsData(n) })
		stats, _ := rest.FanOut(c, targets, 0, stats.Sizes)
		return allocationTable(st, stats, c.Allocations(timeout))
	})
}

// dataNodes is the filter of _cat/allocation: data nodes unless others are named.
func dataNodes(filters []string) []string {
	if len(filters) == 0 {
		return []string{"data:true"}
	}
	return filters
}

func allocationTable(st *state.State, stats []elastic.NodeResult[stats.NodeStats], masters map[string]reroute.NodeAllocation) *table {
	shards, unassigned := map[string]int64{}, int64(0)
	st.Routing.Each(func(cp *state.Copy) {
		if cp.Assigned() {
			shards[cp.Node]++
		} else {
			unassigned++
		}
	})
	rows := len(stats)
	if unassigned > 0 {
		rows++
	}
	forecast := make([]int64, len(stats))
	for i := range stats {
		forecast[i] = stats[i].Value.Totals().StoreBytes
	}
	on := func(get func(i int, n *state.Node, s *elastic.NodeStats) cell) func(int) cell {
		return func(i int) cell {
			if i == len(stats) {
				return cell{}
			}
			return get(i, stats[i].Value.Self, &stats[i].Value.Node)
		}
	}
	return &table{name: "allocation", rows: rows, values: func(name string) func(int) cell {
		switch name {
		case "shards":
			return func(i int) cell {
				if i == len(stats) {
					return count(unassigned)
				}
				return count(shards[stats[i].Node.ID])
			}
		case "node":
			return func(i int) cell {
				if i == len(stats) {
					return text("UNASSIGNED")
				}
				return text(stats[i].Value.Self.Name)
			}
		case "shards.undesired":
			return on(func(_ int, n *state.Node, _ *elastic.NodeStats) cell {
				a, ok := masters[n.ID]
				if !ok {
					return count(0)
				}
				return count(int64(a.Undesired))
			})
		case "write_load.forecast":
			return on(func(int, *state.Node, *elastic.NodeStats) cell { return double(0) })
		case "disk.indices.forecast", "disk.indices":
			return on(func(i int, _ *state.Node, _ *elastic.NodeStats) cell { return size(forecast[i]) })
		case "disk.used":
			return on(func(_ int, _ *state.Node, s *elastic.NodeStats) cell { return size(s.DiskTotal - s.DiskAvailable) })
		case "disk.avail":
			return on(func(_ int, _ *state.Node, s *elastic.NodeStats) cell { return size(s.DiskAvailable) })
		case "disk.total":
			return on(func(_ int, _ *state.Node, s *elastic.NodeStats) cell { return size(s.DiskTotal) })
		case "disk.percent":
			return on(func(_ int, _ *state.Node, s *elastic.NodeStats) cell {
				return count((s.DiskTotal - s.DiskAvailable) * 100 / max(1, s.DiskTotal))
			})
		case "host":
			return on(func(_ int, n *state.Node, _ *elastic.NodeStats) cell { return text(rest.Address(n)) })
		case "ip":
			return on(func(_ int, n *state.Node, _ *elastic.NodeStats) cell { return text(rest.Address(n)) })
		case "node.role":
			return on(func(_ int, n *state.Node, _ *elastic.NodeStats) cell { return text(roleLetters(n)) })
		}
		return nil
	}}
}

// roleAbbreviations of the node roles (DiscoveryNodeRole).
var roleAbbreviations = map[string]string{
	"data": "d", "data_cold": "c", "data_content": "s", "data_frozen": "f", "data_hot": "h", "data_warm": "w",
	"ingest": "i", "master": "m", "ml": "l", "remote_cluster_client": "r", "transform": "t", "voting_only": "v",
}

func roleLetters(n *state.Node) string {
	var letters []string
	for _, r := range n.Roles {
		if l, ok := roleAbbreviations[r]; ok {
			letters = append(letters, l)
		}
	}
	if len(letters) == 0 {
		return "-"
	}
	slices.Sort(letters)
	return strings.Join(letters, "")
}

func prepareCatIndices(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	timeout := r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandAll)
	r.BoolParam("include_unloaded_segments", false)
	r.BoolParam("pri", false)
	wanted, filter := r.Lookup("health")
	if filter && !slices.Contains([]string{"green", "yellow", "red"}, strings.ToLower(wanted)) {
		rest.Raise(rest.IllegalArgument("unknown cluster health status [%s]", wanted))
	}
	return catAction(r, "indices", func(c *rest.Call) *table {
		st := c.State(false, timeout)
		var rows []indexRow
		chosen := rest.Resolve(st, names, opt)
		sums, _ := stats.IndexSums(c, st, chosen)
		byName := map[string]*stats.IndexSum{}
		for i := range sums {
			byName[sums[i].Index] = &sums[i]
		}
		for _, name := range chosen {
			row := indexRow{meta: st.Index(name), health: cluster.IndexHealth(st.Routing.Index(name)).Status}
			if filter && row.health.String() != strings.ToLower(wanted) {
				continue
			}
			if s := byName[name]; s != nil && !row.meta.Closed {
				row.all, row.primaries = &s.All, &s.Primaries
			}
			rows = append(rows, row)
		}
		return indexTable(rows)
	})
}

type indexRow struct {
	meta           *state.Index
	health         cluster.HealthStatus
	all, primaries *stats.Totals // nil when no copy answered
}

func indexTable(rows []indexRow) *table {
	columns := tables["indices"]
	on := func(get func(r *indexRow) cell) func(int) cell { return func(i int) cell { return get(&rows[i]) } }
	return &table{name: "indices", rows: len(rows), values: func(name string) func(int) cell {
		switch name {
		case "health":
			return on(func(r *indexRow) cell { return text(r.health.String()) })
		case "status":
			return on(func(r *indexRow) cell { return text(r.meta.OpenOrClosed()) })
		case "index":
			return on(func(r *indexRow) cell { return text(r.meta.Name) })
		case "uuid":
			return on(func(r *indexRow) cell { return text(r.meta.UUID) })
		case "pri":
			return on(func(r *indexRow) cell { return count(int64(r.meta.Shards)) })
		case "rep":
			return on(func(r *indexRow) cell { return count(int64(r.meta.Replicas)) })
		case "creation.date":
			return on(func(r *indexRow) cell { return count(r.meta.CreationDate) })
		case "creation.date.string":
			return on(func(r *indexRow) cell { return text(rest.IsoMillis(time.UnixMilli(r.meta.CreationDate).UTC())) })
		case "search.throttled":
			return on(func(*indexRow) cell { return text("false") })
		case "docs.count", "docs.deleted", "dataset.size":
			// Documents and their data set count once: those of the primaries.
			return statColumn(columns, name, func(i int) *stats.Totals { return rows[i].primaries })
		}
		if shared, ok := strings.CutPrefix(name, "pri."); ok {
			return priColumn(columns, name, shared, rows)
		}
		return statColumn(columns, name, func(i int) *stats.Totals { return rows[i].all })
	}}
}

func priColumn(columns []column, name, shared string, rows []indexRow) func(int) cell {
	c := findColumn(columns, name)
	if c == nil {
		return nil
	}
	get, zero := statColumns[shared], c.zero()
	return func(i int) cell {
		switch t := rows[i].primaries; {
		case t == nil:
			return cell{}
		case get == nil:
			return zero
		default:
			return get(t)
		}
	}
}

func prepareCatNodes(r *rest.Request) rest.Action {
	full := r.BoolParam("full_id", false)
	timeout := r.MasterTimeout()
	r.BoolParam("include_unloaded_segments", false)
	return catAction(r, "nodes", func(c *rest.Call) *table {
		st := c.State(false, timeout)
		results, _ := rest.FanOut(c, st.Nodes, 0, stats.Sums)
		byNode := map[string]*stats.NodeStats{}
		for i := range results {
			byNode[results[i].Node.ID] = &results[i].Value
		}
		rows := make([]nodeRow, len(st.Nodes))
		for i, n := range st.Nodes {
			rows[i] = nodeRow{call: c, node: n, master: st.Master, full: full, stats: byNode[n.ID]}
			if s := byNode[n.ID]; s != nil {
				rows[i].sum = s.Totals()
			}
		}
		return &table{name: "nodes", rows: len(rows), values: func(name string) func(int) cell {
			if get := nodeColumns[name]; get != nil {
				return func(i int) cell { return get(&rows[i]) }
			}
			if get := machineColumns[name]; get != nil {
				return func(i int) cell {
					if rows[i].stats == nil {
						return cell{}
					}
					return get(&rows[i].stats.Node)
				}
			}
			return statColumn(tables["nodes"], name, func(i int) *stats.Totals { return rows[i].sum })
		}}
	})
}

type nodeRow struct {
	call   *rest.Call
	node   *state.Node
	master string
	full   bool
	stats  *stats.NodeStats // nil: did not answer
	sum    *stats.Totals
}

var nodeColumns = map[string]func(r *nodeRow) cell{
	"id": func(r *nodeRow) cell {
		if r.full {
			return text(r.node.ID)
		}
		return text(r.node.ID[:min(4, len(r.node.ID))])
	},
	"pid":  func(*nodeRow) cell { return count(1) },
	"ip":   func(r *nodeRow) cell { return text(rest.Address(r.node)) },
	"port": func(r *nodeRow) cell { return text(strings.TrimPrefix(r.node.Address, rest.Address(r.node)+":")) },
	"http_address": func(r *nodeRow) cell {
		if r.stats == nil {
			return text("-")
		}
		return text(stats.HTTPAddress(r.call, r.node, r.stats.Set))
	},
	"version":   func(r *nodeRow) cell { return text(r.node.Version()) },
	"type":      func(*nodeRow) cell { return text("docker") },
	"build":     func(*nodeRow) cell { return text(rest.BuildHash) },
	"jdk":       func(*nodeRow) cell { return text(stats.JVMVersion) },
	"node.role": func(r *nodeRow) cell { return text(roleLetters(r.node)) },
	"name":      func(r *nodeRow) cell { return text(r.node.Name) },
	"master": func(r *nodeRow) cell {
		switch r.master {
		case "":
			return text("x")
		case r.node.ID:
			return text("*")
		}
		return text("-")
	},
}

var machineColumns = map[string]func(s *elastic.NodeStats) cell{
	"disk.total": func(s *elastic.NodeStats) cell { return size(s.DiskTotal) },
	"disk.used":  func(s *elastic.NodeStats) cell { return size(s.DiskTotal - s.DiskAvailable) },
	"disk.avail": func(s *elastic.NodeStats) cell { return size(s.DiskAvailable) },
	"disk.used_percent": func(s *elastic.NodeStats) cell {
		return decimal(100 * float64(s.DiskTotal-s.DiskAvailable) / float64(max(1, s.DiskTotal)))
	},
	"heap.current": func(s *elastic.NodeStats) cell { return size(s.HeapUsed) },
	"heap.percent": func(s *elastic.NodeStats) cell { return count(s.HeapUsed * 100 / max(1, s.HeapMax)) },
	"heap.max":     func(s *elastic.NodeStats) cell { return size(s.HeapMax) },
	"ram.current":  func(s *elastic.NodeStats) cell { return size(s.MemTotal - s.MemFree) },
	"ram.percent":  func(s *elastic.NodeStats) cell { return count(100 - stats.Percentage(s.MemFree, s.MemTotal)) },
	"ram.max":      func(s *elastic.NodeStats) cell { return size(s.MemTotal) },
	"cpu":          func(s *elastic.NodeStats) cell { return count(int64(s.CPUPercent)) },
	"load_1m":      func(s *elastic.NodeStats) cell { return decimal(s.LoadAverages[0]) },
	"load_5m":      func(s *elastic.NodeStats) cell { return decimal(s.LoadAverages[1]) },
	"load_15m":     func(s *elastic.NodeStats) cell { return decimal(s.LoadAverages[2]) },
	"uptime":       func(s *elastic.NodeStats) cell { return duration(s.Uptime.Truncate(time.Millisecond)) },
}
