package coordination

import (
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// kind is a transport action.
type kind uint8

const (
	peersRequest kind = iota
	preVote
	startJoin
	joinRequest
	joinValidate
	joinPing
	publishState
	commitState
	followerCheck
	leaderCheck
)

func (k kind) String() string {
	return [...]string{
		"request_peers", "request_pre_vote", "start_join", "join", "join/validate", "join/ping",
		"publish_state", "commit_state", "follower_check", "leader_check",
	}[k]
}

// Message is a request or an answer between coordinators. It is immutable and may
// be shared by several receivers.
type Message struct {
	kind   kind
	answer bool
	id     uint64
	life   string // ephemeral id of the process that asked
	body   any
	err    error // of an answer
	bytes  int64 // of body, beyond a header
}

// headerBytes is about what a transport message without a body takes.
const headerBytes = 200

// Kind names the message after Elasticsearch's transport action ("publish_state",
// "follower_check", …); that of an answer ends in "[r]".
func (m *Message) Kind() string {
	if m.answer {
		return m.kind.String() + "[r]"
	}
	return m.kind.String()
}

// Bytes is about the message's size on the wire: of a published state that of the
// difference, or of the whole, estimated by what it holds.
func (m *Message) Bytes() int64 { return headerBytes + m.bytes }

// The bodies of requests and answers.
type (
	peersBody struct {
		from  *state.Node
		known []*state.Node
	}
	peersAnswer struct {
		master *state.Node // nil: none
		known  []*state.Node
		term   int64
	}
	preVoteBody struct {
		from *state.Node
		term int64
	}
	preVoteAnswer struct{ term, acceptedTerm, acceptedVersion int64 }
	startJoinBody struct {
		candidate *state.Node
		term      int64
	}
	joinBody struct {
		from *state.Node
		term int64
		vote *joinVote // nil: none
	}
	validateBody struct{ st *state.State }
	publishBody  struct {
		st   *state.State
		from *state.Node
		// base is the UUID of the state that a difference builds on; "" is a whole state.
		base string
	}
	publishAnswer struct {
		term, version int64
		vote          *joinVote // nil: none
	}
	commitBody struct {
		from          *state.Node
		term, version int64
	}
	checkBody struct {
		from *state.Node
		term int64 // of follower checks
	}
)

// The sizes below are rough: compressed bytes of 8.19's serialized cluster state,
// enough to see a large state on a slow link.
const (
	nodeBytes  = 150
	indexBytes = 600
	copyBytes  = 60
)

// stateBytes is about the size of a whole state.
func stateBytes(st *state.State) int64 {
	n := int64(len(st.Nodes))*nodeBytes + int64(len(st.Indices))*indexBytes
	for _, idx := range st.Routing.Indices {
		n += tableBytes(idx)
	}
	return n
}

func tableBytes(idx *state.IndexTable) int64 {
	n := int64(0)
	for _, sh := range idx.Shards {
		n += int64(len(sh.Copies)) * copyBytes
	}
	return n
}

// diffBytes is about the size of the difference between two states: indices and
// index tables that are not shared are sent as a whole.
func diffBytes(old, st *state.State) int64 {
	n := int64(0)
	if len(old.Nodes) != len(st.Nodes) {
		n += nodeBytes
	}
	for i, m := range st.Indices {
		if i >= len(old.Indices) || old.Indices[i] != m {
			n += indexBytes
		}
	}
	if old.Routing == st.Routing {
		return n
	}
	var before map[*state.IndexTable]bool // made where the order is another one
	for i, idx := range st.Routing.Indices {
		if i < len(old.Routing.Indices) && old.Routing.Indices[i] == idx {
			continue
		}
		if before == nil {
			before = make(map[*state.IndexTable]bool, len(old.Routing.Indices))
			for _, t := range old.Routing.Indices {
				before[t] = true
			}
		}
		if !before[idx] {
			n += tableBytes(idx)
		}
	}
	return n
}
