package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/state"

	_ "embed"
)

const Version = "8.19.0"

const BuildHash = "93788a8c2882eb5b606510680fac214cff1c7a22"

const BuildDate = "2025-07-23T22:10:18.138215839Z"

const LuceneVersion = "9.12.2"

const TransportVersion = 8841064

const IndexVersion = 8536000

// DataPath is path.data as the official image has it.
const DataPath = "/usr/share/elasticsearch/data"

// CheckReadable raises the global block of reads, as a node without a recovered state answers.
func CheckReadable(c *Call, st *state.State) {
	for _, b := range st.Global {
		if slices.Contains(b.Levels, "read") || slices.Contains(b.Levels, "metadata_read") {
			Raise(clusterBlocked(b))
		}
	}
}

// CheckMetadata refuses to tell of indices whose blocks keep their metadata from being read.
func CheckMetadata(st *state.State, names []string) []string {
	for _, name := range names {
		if bad := indexmeta.IndexBlock(st, name, "metadata_read"); bad != nil {
			Raise(bad)
		}
	}
	return names
}

func clusterBlocked(b state.Block) *elastic.Error {
	name := map[int]string{503: "SERVICE_UNAVAILABLE", 403: "FORBIDDEN", 429: "TOO_MANY_REQUESTS"}[b.Status]
	return &elastic.Error{
		Status: b.Status, Type: "cluster_block_exception",
		Reason: "blocked by: [" + name + "/" + strconv.Itoa(b.ID) + "/" + b.Description + "];",
	}
}

// WriteRestored is SnapshotRecoverySource.addAdditionalFields.
func WriteRestored(w *Writer, from *state.Restored) {
	w.Str("repository", from.Repository)
	w.Str("snapshot", from.Snapshot)
	w.Str("version", Version)
	w.Str("index", from.Index)
	w.Str("restoreUUID", from.RestoreUUID)
}

// Address is the node's address without its port.
func Address(n *state.Node) string {
	if i := strings.LastIndexByte(n.Address, ':'); i >= 0 {
		return n.Address[:i]
	}
	return n.Address
}

const WatermarkPrefix = "cluster.routing.allocation.disk.watermark."
