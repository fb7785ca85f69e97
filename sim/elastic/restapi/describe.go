package restapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"

	_ "embed"
)

const version = "8.19.0"

const buildHash = "93788a8c2882eb5b606510680fac214cff1c7a22"

const buildDate = "2025-07-23T22:10:18.138215839Z"

const luceneVersion = "9.12.2"

const transportVersion = 8841064

const indexVersion = 8536000

// dataPath is path.data as the official image has it.
const dataPath = "/usr/share/elasticsearch/data"

// checkReadable raises the global block of reads, as a node without a recovered state answers.
func checkReadable(c *call, st *state.State) {
	for _, b := range st.Global {
		if slices.Contains(b.Levels, "read") || slices.Contains(b.Levels, "metadata_read") {
			raise(clusterBlocked(b))
		}
	}
}

func clusterBlocked(b state.Block) *elastic.Error {
	name := map[int]string{503: "SERVICE_UNAVAILABLE", 403: "FORBIDDEN", 429: "TOO_MANY_REQUESTS"}[b.Status]
	return &elastic.Error{
		Status: b.Status, Type: "cluster_block_exception",
		Reason: "blocked by: [" + name + "/" + strconv.Itoa(b.ID) + "/" + b.Description + "];",
	}
}

// writeRestored is SnapshotRecoverySource.addAdditionalFields.
func writeRestored(w *jsonWriter, from *state.Restored) {
	w.str("repository", from.Repository)
	w.str("snapshot", from.Snapshot)
	w.str("version", version)
	w.str("index", from.Index)
	w.str("restoreUUID", from.RestoreUUID)
}

// address is the node's address without its port.
func address(n *state.Node) string {
	if i := strings.LastIndexByte(n.Address, ':'); i >= 0 {
		return n.Address[:i]
	}
	return n.Address
}

const watermarkPrefix = "cluster.routing.allocation.disk.watermark."
