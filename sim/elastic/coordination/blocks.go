package coordination

import (
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// The blocks that coordination and the gateway put on the whole cluster.
const (
	NotRecoveredBlockID = 1
	NoMasterBlockID     = 2
)

// NotRecoveredBlock refuses everything until the state is recovered after a full
// restart (GatewayService.STATE_NOT_RECOVERED_BLOCK).
func NotRecoveredBlock() state.Block {
	return state.Block{
		ID: NotRecoveredBlockID, Description: "state not recovered / initialized",
		Retryable: true, DisableStatePersistence: true, Status: 503,
		Levels: []string{"read", "write", "metadata_read", "metadata_write"},
	}
}

// NoMasterBlock is the block of a node without a master, by the setting
// cluster.no_master_block.
func NoMasterBlock(s settings.Settings) state.Block {
	b := state.Block{ID: NoMasterBlockID, Description: "no master", Retryable: true, Status: 503}
	switch settings.NoMasterBlock.Get(s) {
	case "all":
		b.DisableStatePersistence = true
		b.Levels = []string{"read", "write", "metadata_read", "metadata_write"}
	case "write":
		b.Levels = []string{"write", "metadata_write"}
	default:
		b.Levels = []string{"metadata_write"}
	}
	return b
}

// HasBlock reports whether a state has a global block.
func HasBlock(st *state.State, id int) bool {
	return slices.ContainsFunc(st.Global, func(b state.Block) bool { return b.ID == id })
}

func withoutBlock(blocks []state.Block, id int) []state.Block {
	return slices.DeleteFunc(slices.Clone(blocks), func(b state.Block) bool { return b.ID == id })
}

// withoutMaster is a state as it looks while there is no master: blocked, and naming
// none.
func (c *Coordinator) withoutMaster(st *state.State) *state.State {
	if st.Master == "" {
		return st
	}
	out := st.Clone()
	out.Master = ""
	out.Global = append(slices.Clone(st.Global), NoMasterBlock(c.settingsOf(st)))
	return out
}

// hideUnlessRecovered takes the metadata out of a state that is not recovered yet.
func hideUnlessRecovered(st *state.State) *state.State {
	if !HasBlock(st, NotRecoveredBlockID) {
		return st
	}
	out := st.Clone()
	out.Indices, out.Blocks = nil, nil
	out.Persistent, out.Transient = settings.Settings{}, settings.Settings{}
	return out
}

// restored is the state that a process starts from: what is on disk without members,
// routing and transient settings, blocked until it is recovered.
func (c *Coordinator) restored() *state.State {
	st := &state.State{ClusterName: c.cfg.ClusterName, ClusterUUID: unknownUUID, Persistent: c.cfg.Persistent}
	if c.cfg.Persisted.Accepted != nil {
		st = c.cfg.Persisted.Accepted.Clone()
	}
	st.Master = ""
	st.Nodes = []*state.Node{c.node}
	st.Transient = settings.Settings{}
	st.Routing = &state.RoutingTable{}
	st.Global = []state.Block{NotRecoveredBlock()}
	return st
}

// unknownUUID is the cluster UUID before there is a cluster.
const unknownUUID = "_na_"

// initialState is what the node applies first: itself, without a master.
func (c *Coordinator) initialState() *state.State {
	st := &state.State{
		ClusterName: c.cfg.ClusterName, ClusterUUID: unknownUUID,
		Nodes: []*state.Node{c.node}, Routing: &state.RoutingTable{},
		Global: []state.Block{NotRecoveredBlock(), NoMasterBlock(c.cfg.Settings)},
	}
	if at := c.consensus.accepted; c.consensus.committed {
		st.ClusterName, st.ClusterUUID = at.ClusterName, at.ClusterUUID
	}
	return st
}

// uuid is a random UUID in Elasticsearch's form: 22 characters of URL-safe base64.
func (c *Coordinator) uuid() string {
	r := c.env.Stream("uuid")
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // variant 2
	return base64.RawURLEncoding.EncodeToString(b[:])
}
