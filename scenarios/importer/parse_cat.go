package importer

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// catHeaders are columns that tell a _cat answer from other texts.
var catHeaders = []string{"prirep", "disk.total", "node.role", "attr", "docs.count", "nodeId", "source_node", "p/r"}

// A row of a _cat answer, by its columns' full names.
type row map[string]string

// catShard, catNode, catAttr, catAllocation and catIndex are rows that were recognised.
type (
	catShard struct {
		index, node, nodeID, target, state string
		shard                              int
		primary                            bool
		docs, bytes                        clusterfile.Number
		reason, at                         string
	}
	catNode struct {
		name, id, version string
		roles             []string
		heap, disk        clusterfile.Number
		master            bool
	}
	catAttr       struct{ node, name, value string }
	catAllocation struct {
		node                       string
		total, available, byCopies clusterfile.Number
	}
	catIndex struct {
		docs, bytes clusterfile.Number // bytes of the primaries
		primaries   int64
	}
)

// columnNames are other names of columns that requests may have asked for.
var columnNames = map[string]string{
	"i": "index", "idx": "index", "s": "shard", "sh": "shard", "p": "prirep", "pr": "prirep", "primaryOrReplica": "prirep", "st": "state",
	"d": "docs", "dc": "docs", "sto": "store", "n": "node", "name": "node", "v": "version", "m": "master", "r": "node.role", "role": "node.role",
	"nodeRole": "node.role", "hm": "heap.max", "heapMax": "heap.max", "dt": "disk.total", "diskTotal": "disk.total", "da": "disk.avail", "diskAvail": "disk.avail",
	"di": "disk.indices", "diskIndices": "disk.indices", "pri": "pri", "ua": "unassigned.at", "ur": "unassigned.reason",
}

// readCatJSON reads any _cat answer as JSON.
func readCatJSON(s stream, snap *snapshot) error {
	used := false
	err := s.array(func() error {
		if s.PeekKind() != '{' {
			return s.SkipValue()
		}
		var r map[string]text
		if err := s.into(&r); err != nil {
			return err
		}
		out := make(row, len(r))
		for _, k := range slices.Sorted(maps.Keys(r)) {
			out[k] = string(r[k])
		}
		used = snap.takeRow(out, out) || used
		return nil
	})
	if err == nil && !used {
		return errNotUsed
	}
	return err
}

// errNotUsed says that a file is nothing that an import needs.
var errNotUsed = problemf("not used")

// takeRow sorts a row to where it belongs. raw has the columns as they were named.
func (snap *snapshot) takeRow(raw, r row) bool {
	r = named(r)
	has := func(keys ...string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { _, ok := r[k]; return !ok })
	}
	switch {
	case has("index", "shard", "prirep", "state"):
		snap.catShards = append(snap.catShards, shardRow(r, raw))
	case has("node", "attr", "value"):
		snap.catAttrs = append(snap.catAttrs, catAttr{address(r["node"]), r["attr"], r["value"]})
	case has("node", "disk.total", "disk.avail") && r["node"] != "UNASSIGNED" && has("shards"):
		snap.catAllocation = append(snap.catAllocation, catAllocation{address(r["node"]), size(r["disk.total"]), size(r["disk.avail"]), size(r["disk.indices"])})
	case has("node", "node.role"):
		disk := size(r["disk.total"])
		if _, diagnostics := raw["nodeId"]; diagnostics { // they call it d
			disk = size(raw["d"])
		}
		snap.catNodes = append(snap.catNodes, catNode{address(r["node"]), raw.first("nodeId", "id"), raw.first("version", "v"), rolesOf(r["node.role"]), size(r["heap.max"]), disk, r["master"] == "*"})
	case has("index", "pri", "rep"):
		snap.catIndices[r["index"]] = catIndex{count(r["docs.count"]), size(r["pri.store.size"]), count(r["pri"]).V}
	default:
		return false
	}
	return true
}

func (r row) first(keys ...string) string {
	for _, k := range keys {
		if v := r[k]; v != "" {
			return v
		}
	}
	return ""
}

// named gives columns their full names where they have short ones.
func named(r row) row {
	out := make(row, len(r))
	for _, k := range slices.Sorted(maps.Keys(r)) {
		full := columnNames[k]
		if full == "" {
			full = k
		}
		if _, taken := r[full]; taken && full != k {
			continue
		}
		out[full] = r[k]
	}
	return out
}

func shardRow(r, raw row) catShard {
	c := catShard{
		index: r["index"], state: r["state"], shard: int(count(r["shard"]).V), primary: r["prirep"] == "p",
		docs: count(r["docs"]), bytes: size(r["store"]), nodeID: raw.first("id"), reason: r["unassigned.reason"], at: r["unassigned.at"],
	}
	// "n1 -> 10.0.0.2 jBmk n2" while it relocates.
	node, target, relocates := strings.Cut(r["node"], " -> ")
	c.node = address(strings.TrimSpace(node))
	if parts := strings.SplitN(strings.TrimSpace(target), " ", 3); relocates && len(parts) == 3 {
		c.target = address(parts[2])
	}
	return c
}

// size reads bytes: exact ones were measured, rounded ones are derived.
func size(s string) clusterfile.Number {
	if n := count(s); n.Known() {
		return n
	}
	if v, err := units.ParseSize(s); err == nil {
		return clusterfile.Computed(int64(v))
	}
	return clusterfile.Number{}
}

func count(s string) clusterfile.Number {
	var w integer
	if err := w.UnmarshalJSON([]byte(`"` + strings.NewReplacer(`"`, "", `\`, "").Replace(s) + `"`)); err != nil {
		return clusterfile.Number{}
	}
	return number(w)
}

// mostLine bounds a line of a table.
const mostLine = 1 << 20

// readCatText reads a _cat answer as text, with its header.
func readCatText(in io.Reader, snap *snapshot) error {
	var lines [][]uint16
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 64<<10), mostLine)
	for sc.Scan() {
		if line := strings.TrimRight(strings.TrimPrefix(sc.Text(), "\ufeff"), "\r"); strings.TrimSpace(line) != "" {
			lines = append(lines, utf16.Encode([]rune(line)))
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	if len(lines) == 0 {
		return problemf("it is empty")
	}
	header := strings.Fields(decoded(lines[0]))
	if !slices.ContainsFunc(header, func(h string) bool { return slices.Contains(catHeaders, h) }) {
		return snap.takeHeaderless(lines)
	}
	columns := columnsOf(lines)
	used := false
	for _, line := range lines[1:] {
		r := make(row, len(columns))
		for _, c := range columns {
			r[c.name] = strings.TrimSpace(decoded(line[min(c.from, len(line)):min(c.to, len(line))]))
		}
		used = snap.takeRow(r, r) || used
	}
	if !used {
		return errNotUsed
	}
	return nil
}

func decoded(s []uint16) string { return string(utf16.Decode(s)) }

type column struct {
	name     string
	from, to int
}

// columnsOf finds where columns begin and end: at the places that are blank in every line.
// Elasticsearch pads cells by their number of UTF-16 units. A stretch without a name above
// it belongs to the column before.
func columnsOf(lines [][]uint16) []column {
	width := 0
	for _, l := range lines {
		width = max(width, len(l))
	}
	inked := make([]bool, width)
	for _, l := range lines {
		for i, u := range l {
			inked[i] = inked[i] || u != ' '
		}
	}
	var out []column
	for i := 0; i < width; {
		if !inked[i] {
			i++
			continue
		}
		end := i
		for end < width && inked[end] {
			end++
		}
		head := lines[0]
		names := strings.Fields(decoded(head[min(i, len(head)):min(end, len(head))]))
		if len(names) == 0 && len(out) > 0 {
			out[len(out)-1].to = end
		} else {
			out = append(out, column{strings.Join(names, " "), i, end})
		}
		i = end
	}
	return out
}

// takeHeaderless reads _cat/shards without a header: its default columns.
func (snap *snapshot) takeHeaderless(lines [][]uint16) error {
	for _, l := range lines {
		f := strings.Fields(decoded(l))
		if len(f) < 4 || !isCopyState(f[3]) {
			return problemf("its first line does not name its columns; ask for them with ?v")
		}
		r := row{"index": f[0], "shard": f[1], "prirep": f[2], "state": f[3]}
		rest := f[4:]
		// docs store [dataset] ip node; before 8.? without dataset. The address has no unit.
		if i := slices.IndexFunc(rest, isAddress); i >= 2 {
			r["docs"], r["store"], r["node"] = rest[0], rest[1], strings.Join(rest[i+1:], " ")
		}
		snap.takeRow(r, r)
	}
	return nil
}

func isAddress(s string) bool { return strings.Count(s, ".") == 3 || strings.Count(s, ":") >= 2 }
