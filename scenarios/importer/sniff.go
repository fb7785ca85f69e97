package importer

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// kind is what a file holds.
type kind uint8

// The kinds. Each has a reader in [readers].
const (
	unknownKind kind = iota
	clusterState
	nodesInfo // also _nodes/stats: they have the same form
	indicesStats
	clusterSettings
	indexSettingsKind
	aliasesKind
	recoveries
	desiredBalance
	dataStreams
	ilmPolicies
	ilmExplain
	shutdowns
	healthKind
	versionKind
	manifest
	catJSON
	catText
)

var kindNames = [...]string{
	"not used", "_cluster/state", "_nodes or _nodes/stats", "_stats", "_cluster/settings", "_settings", "_alias", "_recovery",
	"_internal/desired_balance", "_data_stream", "_ilm/policy", "_ilm/explain", "_nodes/shutdown", "_cluster/health", "/", "manifest",
	"_cat as JSON", "_cat as text",
}

// String is the API that the file is an answer of.
func (k kind) String() string { return kindNames[k] }

// sniffed is how much of a file tells what it is.
const sniffed = 64 << 10

// sniff tells what a file is by its beginning; its name decides only between texts.
func sniff(name string, head []byte) kind {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(head) == 0:
		return unknownKind
	case head[0] == '[':
		return catJSON
	case head[0] == '{':
		return sniffObject(head)
	case path.Ext(name) == ".json" || bytes.IndexByte(head, 0) >= 0:
		return unknownKind
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if looksLikeCat(string(line)) {
		return catText
	}
	return unknownKind
}

// sniffObject goes by the names of the first members, and of those of the first member
// that is an object itself.
func sniffObject(head []byte) kind {
	top, inner := firstKeys(head)
	has := func(keys ...string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(top, k) })
	}
	within := func(k string) bool { return slices.Contains(inner, k) }
	switch {
	case has("cluster_name", "state_uuid") || has("cluster_name", "metadata") || has("cluster_name", "routing_table"),
		has("cluster_name", "master_node"), has("cluster_name", "cluster_manager_node"):
		return clusterState
	case has("stats", "cluster_balance_stats"), has("routing_table", "stats"):
		return desiredBalance
	case has("_nodes", "cluster_name", "nodes") && !has("indices"):
		return nodesInfo
	case has("_all", "indices"):
		return indicesStats
	case has("persistent", "transient"), has("persistent"), has("defaults"):
		return clusterSettings
	case has("data_streams"):
		return dataStreams
	case has("cluster_name", "status", "number_of_nodes"):
		return healthKind
	case has("version", "tagline"), has("cluster_name", "version") && !has("metadata"):
		return versionKind
	case has("collectionDate"), has("timestamp", "Product"), has("diagVersion"), has("diagnosticVersion"):
		return manifest
	case has("nodes") && len(top) == 1:
		return shutdowns
	case has("indices") && len(top) == 1:
		return ilmExplain
	case within("shards"):
		return recoveries
	case within("settings"):
		return indexSettingsKind
	case within("aliases"):
		return aliasesKind
	case within("policy") && within("version"):
		return ilmPolicies
	}
	return unknownKind
}

// firstKeys are the members' names of an object as far as its beginning goes, and those of
// the first member that is an object.
func firstKeys(head []byte) (top, inner []string) {
	d := jsontext.NewDecoder(bytes.NewReader(head), lenient)
	objects := 0 // members of the top that are objects
	for {
		t, err := d.ReadToken()
		if err != nil {
			return top, inner
		}
		depth := d.StackDepth()
		_, members := d.StackIndex(depth)
		isKey := t.Kind() == '"' && members%2 == 1
		switch {
		case depth == 1 && isKey:
			top = append(top, t.String())
		case depth == 2 && t.Kind() == '{':
			objects++
		case depth == 2 && isKey && objects == 1:
			inner = append(inner, t.String())
		}
	}
}

// looksLikeCat reports whether a line may be the first of a _cat answer.
func looksLikeCat(line string) bool {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return false
	}
	if slices.ContainsFunc(catHeaders, func(h string) bool { return slices.Contains(fields, h) }) {
		return true
	}
	return len(fields) >= 4 && (fields[2] == "p" || fields[2] == "r") && isCopyState(fields[3])
}

func isCopyState(s string) bool {
	return s == "STARTED" || s == "RELOCATING" || s == "INITIALIZING" || s == "UNASSIGNED"
}
