package controller

import (
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// Decision is the audit record of one decision: what was seen, what was decided on
// which grounds, what was done about it and what came of it. Records of rounds in
// which there was nothing to do are kept too: they say why.
type Decision struct {
	Seq       int           `json:"seq"` // from 1, in the order of deciding
	At        time.Time     `json:"at"`
	Monotonic time.Duration `json:"monotonic_ns"` // on the controller's clock
	Actor     string        `json:"actor"`        // shard-controller, replication-monitor, operator
	Policy    string        `json:"policy,omitempty"`

	Observed policy.Numbers  `json:"observed"`
	Decided  []policy.Action `json:"decided"` // empty: nothing to do
	Reason   string          `json:"reason"`
	Found    []string        `json:"found,omitempty"` // what it is about, where that has names
	Done     []Step          `json:"done"`
	// Effect is known some time after the decision; nil until then, and where
	// nothing was done.
	Effect *Effect `json:"effect,omitempty"`
}

// Shadow reports whether the decision is that of a policy which was only asked.
func (d Decision) Shadow() bool { return d.Actor == actorShadow }

// Acted reports whether something was done that the cluster noticed.
func (d Decision) Acted() bool {
	for _, s := range d.Done {
		if s.Error == "" && s.Calls > 0 {
			return true
		}
	}
	return false
}

// failed reports whether something was to be done and none of it could be.
func (d Decision) failed() bool {
	for _, s := range d.Done {
		if s.Error == "" {
			return false
		}
	}
	return len(d.Done) > 0
}

// Step is one thing done about a decision.
type Step struct {
	What  string `json:"what"`
	Calls int    `json:"calls"` // requests that changed the cluster
	// Changes to settings that were made, and those that were not made because
	// somebody else has changed the setting since.
	Changes   []SettingChange `json:"changes,omitempty"`
	Contested []SettingChange `json:"contested,omitempty"`
	Error     string          `json:"error,omitempty"`
}

// Effect is what came of an action.
type Effect struct {
	After      time.Duration  `json:"after_ns"`   // since the decision
	Recoveries int            `json:"recoveries"` // distinct ones seen
	Moved      int            `json:"moved"`      // copies that lie on another node than before
	TimedOut   bool           `json:"timed_out,omitempty"`
	Before     policy.Numbers `json:"before"`
	Now        policy.Numbers `json:"now"`
	Note       string         `json:"note,omitempty"`
	// Helped says whether new weights of the balancer made anything better; nil where
	// none were set, or where that can't be told.
	Helped *bool `json:"helped,omitempty"`
	Undone *Step `json:"undone,omitempty"` // what was put back because it didn't help
}

// The actors of decisions.
const (
	actorShards      = "shard-controller"
	actorReplication = "replication-monitor"
	actorOperator    = "operator"
	actorShadow      = "shadow"
)

// journal keeps the last decisions and tells a listener about each: when it was
// carried out, and once more when its effect is known.
type journal struct {
	clock  clock.Clock
	listen func(Decision)
	limit  int

	mu     sync.Mutex
	next   int
	kept   []Decision
	counts []DecisionCount // by actor and acted, as they came up
}

// DecisionCount says how many decisions an actor has taken since the start.
type DecisionCount struct {
	Actor string
	Acted bool // something was done that the cluster noticed
	Count int64
}

func newJournal(clk clock.Clock, limit int, listen func(Decision)) *journal {
	return &journal{clock: clk, listen: listen, limit: limit}
}

// begin starts the record of a decision taken now.
func (j *journal) begin(actor, policyName string) Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	return Decision{
		Seq: j.next, At: j.clock.Now().UTC(), Monotonic: j.clock.Monotonic(), Actor: actor, Policy: policyName,
		Observed: policy.Numbers{}, Decided: []policy.Action{}, Done: []Step{},
	}
}

// record keeps a decision, or replaces it when it was kept before.
func (j *journal) record(d Decision) {
	j.put(d)
	if j.listen != nil {
		j.listen(d)
	}
}

func (j *journal) put(d Decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := len(j.kept) - 1; i >= 0; i-- {
		if j.kept[i].Seq == d.Seq {
			j.kept[i] = d
			return
		}
	}
	j.count(d)
	j.kept = append(j.kept, d)
	if over := len(j.kept) - j.limit; over > 0 {
		j.kept = append(j.kept[:0], j.kept[over:]...)
	}
}

// count adds a new decision to the counts. The lock is held.
func (j *journal) count(d Decision) {
	for i := range j.counts {
		if c := &j.counts[i]; c.Actor == d.Actor && c.Acted == d.Acted() {
			c.Count++
			return
		}
	}
	j.counts = append(j.counts, DecisionCount{d.Actor, d.Acted(), 1})
}

// list returns the decisions kept, oldest first.
func (j *journal) list() []Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Decision(nil), j.kept...)
}

// DecisionCounts counts the decisions since the start, also those no longer kept.
func (c *Controller) DecisionCounts() []DecisionCount {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	return append([]DecisionCount(nil), c.journal.counts...)
}
