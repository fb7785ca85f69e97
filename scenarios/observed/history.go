package observed

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// History is everything seen in a run, the ground on which expectations are judged
// and scores computed. Times are since t=0.
type History struct {
	Nodes        []string
	Observations []Observation
	Faults       []*chaos.Record
	Decisions    []Decision
	Tracers      TracerSummary
	Traffic      []TrafficSample
	// Holds is for how long a status must hold after a fault to count as regained, whatever
	// comes later; 0: to the end of what is watched.
	Holds time.Duration
	// Stalled is how long the machine of a real cluster stood still. A limit of time that was
	// exceeded says nothing of the cluster then.
	Stalled time.Duration
	// Machine is what the machine of a real cluster did; empty simulated.
	Machine Machine
	// Own is what only a session of the cluster's system notes; nil for nothing.
	Own any
	// End is when faults and load ended, Settled when the steady state held again after
	// that; -1 when it did not within the limit.
	End     time.Duration
	Settled time.Duration
	// Described is when, after the end, the steady state held that the file describes; -1 when
	// it did not or is green.
	Described time.Duration
	// Closed is when the last observation could have been made.
	Closed time.Duration
	// Steady is how long the cluster took to its first steady state.
	Steady time.Duration
	// Ailments say why the cluster was not green at the end.
	Ailments []Ailment
}

// Decision is what a controller decided and did, from its audit record.
type Decision struct {
	// Seq numbers the records of a controller; a record that comes again replaces the
	// first, for the effect is known only some time after the decision.
	Seq int `json:"seq"`
	// Controller is which of several it was: controller, controller-2, ….
	Controller string        `json:"controller,omitempty"`
	At         time.Duration `json:"-"`
	Actor      string        `json:"actor"`
	Policy     string        `json:"policy"`
	Observed   []NamedValue  `json:"observed,omitempty"`
	Decided    string        `json:"decided"`
	Reason     string        `json:"reason"`
	// Found names what the decision is about: the copies that a check found to differ.
	Found  []string `json:"found,omitempty"`
	Done   string   `json:"done"`
	Effect string   `json:"effect,omitempty"`
	// Acted is whether something was asked of the cluster.
	Acted bool `json:"acted"`
	// Shadow marks the answer of a policy that was only asked.
	Shadow bool `json:"shadow,omitempty"`
}

// decisionsInFlight bounds how far records may come out of order where processes run
// side by side.
const decisionsInFlight = 64

// Decided takes a record in, or replaces the one with its number.
func (h *History) Decided(d Decision) {
	for i, old := range slices.Backward(h.Decisions) {
		if old.Controller != d.Controller {
			continue
		}
		if old.Seq == d.Seq {
			h.Decisions[i] = d
			return
		}
		if old.Seq+decisionsInFlight < d.Seq {
			break // numbers rise, so there is none before
		}
	}
	h.Decisions = append(h.Decisions, d)
}

// NamedValue is a number with its name.
type NamedValue struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Traffic counts operations of the background load.
type Traffic struct {
	Acked, Failed, Unknown int64 // writes
	Reads, ReadsFailed     int64
	P50, P99               time.Duration // of writes; 0 unknown
}

// TrafficSample is what the background load had done by a moment.
type TrafficSample struct {
	At time.Duration
	Traffic
}

// LostNamed is how many lost documents a report names.
const LostNamed = 10

// TracerSummary is the fate of the documents that were followed one by one.
type TracerSummary struct {
	Attempted int `json:"attempted"`
	Acked     int `json:"acked"`
	Failed    int `json:"failed"`
	// Unknown had no answer in time: they may or may not be there.
	Unknown int `json:"unknown"`
	// Refused are those of the failed to which the cluster said no, Retried took more than one
	// request, Slow were acknowledged after the limit for that.
	Refused int `json:"refused"`
	Retried int `json:"retried"`
	Slow    int `json:"slow"`
	// AckedInFault were acknowledged while a fault was in force.
	AckedInFault int `json:"acked_in_fault"`
	// Checked is how many acknowledged ones could be looked for at the end, Lost how
	// many of those were not there; LostIDs names the first of them.
	Checked int      `json:"checked"`
	Lost    int      `json:"lost"`
	LostIDs []string `json:"lost_ids,omitempty"`
	// LatencyMs holds the time each acknowledgement took, in order.
	LatencyMs  []float64  `json:"-"`
	Operations []TracerOp `json:"-"`
}

// Follow takes the operations in and counts them.
func (t *TracerSummary) Follow(ops []TracerOp) {
	var f Felt
	for _, op := range ops {
		f.add(op)
		if op.Result == FateAcked {
			t.LatencyMs = append(t.LatencyMs, float64(op.Latency.Microseconds())/1000)
		}
	}
	t.Operations = ops
	t.Attempted, t.Acked, t.Failed, t.Unknown = f.Attempted, f.Acked, f.Failed, f.Unknown
	t.Refused, t.Retried, t.Slow = f.Refused, f.Retried, f.Slow
}

// TracerOp is one followed operation.
type TracerOp struct {
	At      time.Duration
	Latency time.Duration
	Result  string // a fate
	// Cause is why it was not acknowledged, Node which node was asked last then; "" where the
	// client does not know.
	Cause Cause
	Node  string
	// Requests is how many it took; 0 where the client does not tell.
	Requests int
	// Slow is whether an acknowledgement took longer than the scenario's limit.
	Slow bool
}

// Span is a stretch of time with one health status.
type Span struct {
	From, To time.Duration
	Status   string
}

// HealthSpans cuts the time from t=0 to the end into stretches of equal status.
func (h *History) HealthSpans() []Span { return h.Spans(false) }

// masterless is the status of the time without a master, where that is told apart.
const masterless = "masterless"

// Spans are HealthSpans, the time without a master apart where that is asked for.
func (h *History) Spans(apart bool) []Span {
	var spans []Span
	status := "unknown"
	from := time.Duration(0)
	for _, o := range h.Observations {
		health, ok := o.Sight.(Health)
		if !ok {
			continue
		}
		if apart && !health.Master {
			health.Status = masterless
		}
		if o.At <= 0 {
			status = health.Status
			continue
		}
		if health.Status != status {
			if o.At > from {
				spans = append(spans, Span{from, o.At, status})
			}
			status, from = health.Status, o.At
		}
	}
	if h.Closed > from || len(spans) == 0 {
		spans = append(spans, Span{from, h.Closed, status})
	}
	return spans
}

// Move is a relocation that began after t=0.
type Move struct {
	At       time.Duration
	Index    string
	Shard    int
	Primary  bool
	From, To string
	Bytes    int64
}

// Moves lists the relocations in the order in which they began.
func (h *History) Moves() []Move {
	type key struct {
		index string
		shard int
	}
	// The copies that were relocating, by allocation id, at the last sight of each shard.
	moving := make(map[key]map[string]bool)
	var out []Move
	for _, o := range h.Observations {
		now := make(map[key]map[string]bool)
		copies, _ := o.Sight.(Copies)
		for _, c := range copies {
			k := key{c.Index, c.Shard}
			if now[k] == nil {
				now[k] = make(map[string]bool)
			}
			if c.State != "RELOCATING" {
				continue
			}
			id := c.ID + ">" + c.To
			now[k][id] = true
			if !moving[k][id] && o.At >= 0 {
				out = append(out, Move{o.At, c.Index, c.Shard, c.Primary, c.Node, c.To, c.Bytes})
			}
		}
		for k, ids := range now {
			moving[k] = ids
		}
	}
	return out
}

// Thrash counts the moves that undo or repeat an earlier one: they take a shard's copy away
// from a node to which one was moved before (A→B→A and A→B→C count one each), or bring one to
// a node to which one was moved before and where it was lost since.
func (h *History) Thrash() int {
	type place struct {
		ShardKey
		node string
	}
	brought := make(map[place]bool)
	n := 0
	for _, m := range h.Moves() {
		k := ShardKey{m.Index, m.Shard}
		if brought[place{k, m.From}] || brought[place{k, m.To}] {
			n++
		}
		brought[place{k, m.To}] = true
	}
	return n
}

// LastCopies are the copies of all shards as they were seen last, those of a shard together.
func (h *History) LastCopies() []Copy {
	last := map[ShardKey][]Copy{}
	for _, o := range h.Observations {
		copies, is := o.Sight.(Copies)
		if !is {
			continue
		}
		for _, c := range copies { // all copies of each shard that is named
			delete(last, ShardKey{c.Index, c.Shard})
		}
		for _, c := range copies {
			k := ShardKey{c.Index, c.Shard}
			last[k] = append(last[k], c)
		}
	}
	keys := slices.SortedFunc(maps.Keys(last), func(a, b ShardKey) int { //determinism:allow sort-ties keys of a map are unique
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard))
	})
	var out []Copy
	for _, k := range keys {
		out = append(out, last[k]...)
	}
	return out
}

// HealthAt is the health that was seen last at a time; nil where none was.
func (h *History) HealthAt(at time.Duration) *Health {
	var last *Health
	for _, o := range h.Observations {
		if o.At > at {
			break
		}
		if seen, is := o.Sight.(Health); is {
			last = &seen
		}
	}
	return last
}

// LastRecoveries are the recoveries between nodes as they were seen last, in the order in
// which they began.
func (h *History) LastRecoveries() []Recovery {
	var out []Recovery
	place := map[string]int{}
	for _, o := range h.Observations {
		r, is := o.Sight.(Recovery)
		if !is || r.From == "" || r.From == r.To {
			continue
		}
		if i, known := place[r.ID]; known {
			out[i] = r
			continue
		}
		place[r.ID] = len(out)
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Recovery) int { return cmp.Compare(a.Start, b.Start) })
	return out
}
