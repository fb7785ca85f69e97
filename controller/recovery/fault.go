package recovery

import (
	"fmt"
	"time"
)

// State is how far a fault has been dealt with.
type State string

// The states.
const (
	Waiting    State = "waiting"        // Elasticsearch will act by itself, or the next try is not due
	Verifying  State = "verifying"      // something was done; its effect is not known yet
	Recovering State = "recovering"     // the copy has a node and is being filled
	Approving  State = "needs-approval" // what would help needs a person's word
	GivenUp    State = "given-up"       // every try failed; a person is needed
	Resolved   State = "resolved"
	Vanished   State = "vanished" // its index was deleted or its number of replicas lowered
)

// over reports whether nothing is left to do.
func (s State) over() bool { return s == Resolved || s == Vanished }

// The shard numbers of faults of an index as a whole: that writes are blocked, that it
// has no replicas.
const (
	wholeIndex = -1
	noReplicas = -2
)

// key identifies what a fault is about.
type key struct {
	Index   string
	Shard   int // wholeIndex, noReplicas: the index
	Primary bool
}

func (k key) String() string {
	switch {
	case k.Shard < 0:
		return k.Index
	case k.Primary:
		return fmt.Sprintf("%s[%d] primary", k.Index, k.Shard)
	}
	return fmt.Sprintf("%s[%d] replica", k.Index, k.Shard)
}

// Copy names the copy, or the index as a whole.
func (f Fault) Copy() string { return key{f.Index, f.Shard, f.Primary}.String() }

// keepAttempts is how many attempts a fault remembers.
const keepAttempts = 12

// Fault is one thing that is wrong, from its detection to its end.
type Fault struct {
	ID      int    `json:"id"`
	Index   string `json:"index"`
	Shard   int    `json:"shard"` // -1: a block on the index, -2: its lack of replicas
	Primary bool   `json:"primary"`
	Cause   Cause  `json:"cause"`
	// Causes are those it had before, oldest first.
	Causes []Cause `json:"earlier_causes,omitempty"`
	Detail string  `json:"detail"`
	// Advice is what a person can do, with what would be lost; "" when nobody is needed.
	Advice   string    `json:"advice,omitempty"`
	State    State     `json:"state"`
	Detected time.Time `json:"detected"`
	Ended    time.Time `json:"ended,omitzero"`
	// TimeToRecovery is from detection to the end, 0 while it is open.
	TimeToRecovery time.Duration `json:"time_to_recovery_ns,omitempty"`
	Tries          int           `json:"tries"` // against the present cause
	Attempts       []Attempt     `json:"attempts,omitempty"`

	key      key
	detected time.Duration // on the monotonic clock
	next     time.Duration // when the next try is due
	done     Action        // the last action, while its effect is not known
	doneAt   time.Duration
	person   bool // its present cause has been left to a person
	explain  bool // its cause is not known yet, or may have changed
}

// Attempt is one try and what came of it.
type Attempt struct {
	At      time.Time `json:"at"`
	Action  Action    `json:"action"`
	Outcome string    `json:"outcome"` // "", recovering, recovered, no effect, or an error
}

// try notes an attempt.
func (f *Fault) try(at time.Time, now time.Duration, a Action) {
	f.Tries++
	f.Attempts = append(f.Attempts, Attempt{At: at, Action: a})
	if over := len(f.Attempts) - keepAttempts; over > 0 {
		f.Attempts = append(f.Attempts[:0], f.Attempts[over:]...)
	}
	f.done, f.doneAt = a, now
}

// outcome completes the last attempt.
func (f *Fault) outcome(text string) {
	if n := len(f.Attempts); n > 0 && f.done != "" {
		f.Attempts[n-1].Outcome = text
	}
}

// diagnosed takes a diagnosis in. A new cause begins with no tries made.
func (f *Fault) diagnosed(d Diagnosis) (changed bool) {
	f.Detail = d.Detail
	if f.Cause == d.Cause {
		return false
	}
	if f.Cause != "" {
		const kept = 8
		f.Causes = append(f.Causes, f.Cause)
		f.Causes = f.Causes[max(0, len(f.Causes)-kept):]
	}
	f.Cause, f.Tries, f.next, f.Advice, f.person = d.Cause, 0, 0, "", false
	return true
}
