package cases

import (
	"encoding/json"
	"fmt"
)

// Case is one line of a file of cases.
type Case struct {
	Name       string            `json:"case"`
	Family     string            `json:"family"`
	MaxRounds  int               `json:"max_rounds"`
	Settings   map[string]string `json:"settings"`
	Nodes      []Node            `json:"nodes"`
	NodeOrder  []string          `json:"node_order"`
	IndexOrder []string          `json:"index_order"`
	Indices    []Index           `json:"indices"`
	Events     []Event           `json:"events"`
	Expected   *Expected         `json:"expected,omitempty"`
}

// Node is a cluster member.
type Node struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Host       string            `json:"host"`
	Attributes map[string]string `json:"attributes"`
	Roles      []string          `json:"roles"`
	Disk       *Disk             `json:"disk"` // nil: unknown
}

// Disk is a node's disk.
type Disk struct {
	TotalBytes int64 `json:"total_bytes"`
	FreeBytes  int64 `json:"free_bytes"`
}

// Index is an index with its shards.
type Index struct {
	Name               string            `json:"name"`
	UUID               string            `json:"uuid"`
	CreationDate       int64             `json:"creation_date"`
	Settings           map[string]string `json:"settings"`
	ForecastWriteLoad  *float64          `json:"forecasted_write_load,omitempty"`
	ForecastShardBytes *int64            `json:"forecasted_shard_size_bytes,omitempty"`
	Shards             []Shard           `json:"shards"`
}

// Shard is a shard's copies and sizes.
type Shard struct {
	Shard     int        `json:"shard"`
	Copies    []Copy     `json:"copies"`
	SizeBytes *SizeBytes `json:"size_bytes,omitempty"`
}

// SizeBytes are sizes by role; nil: unknown.
type SizeBytes struct {
	Primary *int64 `json:"primary,omitempty"`
	Replica *int64 `json:"replica,omitempty"`
}

// Copy is one shard copy.
type Copy struct {
	Primary        bool        `json:"primary"`
	State          string      `json:"state"`
	Node           string      `json:"node,omitempty"`
	RelocatingNode string      `json:"relocating_node,omitempty"`
	AllocationID   string      `json:"allocation_id,omitempty"`
	Unassigned     *Unassigned `json:"unassigned,omitempty"`
}

// Unassigned says why a copy is, or was, without a node.
type Unassigned struct {
	Reason            string   `json:"reason"`
	FailedAllocations int      `json:"failed_allocations,omitempty"`
	FailedNodes       []string `json:"failed_nodes,omitempty"`
	LastNode          string   `json:"last_node,omitempty"`
	Delayed           bool     `json:"delayed,omitempty"`
	AgeMillis         int64    `json:"age_millis,omitempty"`
}

// Event happens at the beginning of a round.
type Event struct {
	Round  int    `json:"round"`
	Type   string `json:"type"` // node_left, node_joined or advance_time
	Left   string `json:"-"`    // node_left: id
	Joined *Node  `json:"-"`    // node_joined
	Millis int64  `json:"-"`    // advance_time
}

// eventForm is an event as it is written: node is an id or a node.
type eventForm struct {
	Round  int             `json:"round"`
	Type   string          `json:"type"`
	Node   json.RawMessage `json:"node,omitempty"`
	Millis *int64          `json:"millis,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Event) UnmarshalJSON(data []byte) error {
	var f eventForm
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	*e = Event{Round: f.Round, Type: f.Type}
	switch f.Type {
	case "node_left":
		return json.Unmarshal(f.Node, &e.Left)
	case "node_joined":
		e.Joined = &Node{}
		return json.Unmarshal(f.Node, e.Joined)
	case "advance_time":
		if f.Millis == nil {
			return fmt.Errorf("event advance_time of round %d has no millis", f.Round)
		}
		e.Millis = *f.Millis
		return nil
	}
	return fmt.Errorf("unknown event type %q", f.Type)
}

// MarshalJSON implements [json.Marshaler].
func (e Event) MarshalJSON() ([]byte, error) {
	f := eventForm{Round: e.Round, Type: e.Type}
	var err error
	switch {
	case e.Joined != nil:
		f.Node, err = json.Marshal(e.Joined)
	case e.Type == "node_left":
		f.Node, err = json.Marshal(e.Left)
	default:
		f.Millis = &e.Millis
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(f)
}

// Expected are the decisions of both allocators.
type Expected struct {
	Balanced       *Result `json:"balanced,omitempty"`
	DesiredBalance *Result `json:"desired_balance,omitempty"`
}

// of returns the result of one allocator type.
func (e *Expected) of(allocator string) *Result {
	switch {
	case e == nil:
		return nil
	case allocator == "balanced":
		return e.Balanced
	}
	return e.DesiredBalance
}

// Result is what one allocator did.
type Result struct {
	Converged bool     `json:"converged"`
	Rounds    []Round  `json:"rounds"`
	Final     []string `json:"final,omitempty"` // the routing table at the end, of small cases
}

// Round is what happened in one round.
type Round struct {
	Round          int           `json:"round"`
	AfterEvents    []AfterEvent  `json:"after_events,omitempty"`
	NodeOrder      *[]string     `json:"node_order,omitempty"` // nil: as before
	Decisions      []Decision    `json:"decisions"`
	EagerDecisions *int          `json:"eager_decisions,omitempty"`
	Iterations     *int          `json:"iterations,omitempty"`
	Desired        *[]DesiredRow `json:"desired,omitempty"`
	Unassigned     [2]int        `json:"unassigned"` // primaries, replicas
	Digest         string        `json:"digest"`
}

// AfterEvent is what an event did to the routing table; both nil unless a node left.
type AfterEvent struct {
	Promoted   *[]Decision `json:"promoted,omitempty"`
	Unassigned *[]Lost     `json:"unassigned,omitempty"`
}

// Decision is a copy that got a node: INITIALIZING, RELOCATING or PROMOTED.
type Decision struct {
	Index    string
	Shard    int
	Role     string // "p" or "r"
	From, To string // "" none
	Kind     string
}

// MarshalJSON implements [json.Marshaler].
func (d Decision) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{d.Index, d.Shard, d.Role, orNull(d.From), orNull(d.To), d.Kind})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Decision) UnmarshalJSON(data []byte) error {
	return unmarshalRow(data, &d.Index, &d.Shard, &d.Role, (*nullable)(&d.From), (*nullable)(&d.To), &d.Kind)
}

// Lost is a copy that lost its node.
type Lost struct {
	Index   string
	Shard   int
	Role    string
	Node    string
	Reason  string
	Delayed bool
}

// MarshalJSON implements [json.Marshaler].
func (l Lost) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{l.Index, l.Shard, l.Role, l.Node, nil, l.Reason, l.Delayed})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Lost) UnmarshalJSON(data []byte) error {
	var none nullable
	return unmarshalRow(data, &l.Index, &l.Shard, &l.Role, &l.Node, &none, &l.Reason, &l.Delayed)
}

// DesiredRow is a shard's assignment in the desired balance.
type DesiredRow struct {
	Index                      string
	Shard                      int
	Nodes                      []string
	Total, Unassigned, Ignored int
}

// MarshalJSON implements [json.Marshaler].
func (d DesiredRow) MarshalJSON() ([]byte, error) {
	nodes := d.Nodes
	if nodes == nil {
		nodes = []string{}
	}
	return json.Marshal([]any{d.Index, d.Shard, nodes, d.Total, d.Unassigned, d.Ignored})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *DesiredRow) UnmarshalJSON(data []byte) error {
	return unmarshalRow(data, &d.Index, &d.Shard, &d.Nodes, &d.Total, &d.Unassigned, &d.Ignored)
}

// nullable is a string of which the empty one is null.
type nullable string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *nullable) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*n = ""
	if s != nil {
		*n = nullable(*s)
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// unmarshalRow reads an array of fixed length and mixed types.
func unmarshalRow(data []byte, fields ...any) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	if len(raw) != len(fields) {
		return fmt.Errorf("row of %d fields, want %d: %s", len(raw), len(fields), data)
	}
	for i, f := range fields {
		if err := json.Unmarshal(raw[i], f); err != nil {
			return fmt.Errorf("field %d of row %s: %w", i, data, err)
		}
	}
	return nil
}
