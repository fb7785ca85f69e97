package httpapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/controller/recovery"
)

// shownRecovery is a recovery with whoever caused it.
type shownRecovery struct {
	controller.RecoveryProgress
	Origin string `json:"origin"`
}

// creditAge is how long after a decision a recovery may be its doing: as long as its effect
// is followed.
const creditAge = 30 * time.Minute

// credited says of every recovery who caused it: a decision of this controller that named
// the shard or is being followed, the loss of a copy, or somebody else.
func credited(recoveries []controller.RecoveryProgress, decisions []controller.Decision, faults []recovery.Fault, now time.Time) []shownRecovery {
	out := []shownRecovery{}
	for _, r := range recoveries {
		out = append(out, shownRecovery{r, origin(r, decisions, faults, now)})
	}
	return out
}

func origin(r controller.RecoveryProgress, decisions []controller.Decision, faults []recovery.Fault, now time.Time) string {
	move := fmt.Sprintf("move %s[%d] ", r.Index, r.Shard)
	for _, d := range slices.Backward(decisions) {
		if now.Sub(d.At) > creditAge || !d.Acted() {
			continue
		}
		for _, s := range d.Done {
			if s.Error == "" && strings.HasPrefix(s.What, move) && strings.Contains(s.What, " to "+r.Target) {
				return fmt.Sprintf("decision #%d of %s", d.Seq, d.Actor)
			}
		}
	}
	for _, f := range faults {
		if f.Index == r.Index && f.Shard == r.Shard && f.Primary == r.Primary {
			return "a copy was lost: " + string(f.Cause)
		}
	}
	for _, d := range slices.Backward(decisions) {
		if now.Sub(d.At) <= creditAge && d.Acted() && d.Effect == nil && slices.Contains(d.Decided, policy.Rebalance) {
			return fmt.Sprintf("decision #%d of %s (rebalance)", d.Seq, d.Actor)
		}
	}
	return "Elasticsearch or somebody else"
}

// shownFault is what is wrong for one cause, with all copies that it concerns.
type shownFault struct {
	Cause    recovery.Cause `json:"cause"`
	State    recovery.State `json:"state,omitempty"`
	Detected time.Time      `json:"detected,omitzero"` // of the first
	Copies   []string       `json:"copies"`
	Detail   string         `json:"detail"`
	Advice   string         `json:"advice,omitempty"`
	Attempts int            `json:"attempts"`
}

// byCause puts faults together that have the same cause, state and advice: a node that is
// lost is one thing to look at, not fifty.
func byCause(faults []recovery.Fault, findings []recovery.Finding) []shownFault {
	out := []shownFault{}
	for _, f := range findings {
		out = append(out, shownFault{Cause: f.Cause, Copies: f.Copies, Detail: f.Detail, Advice: f.Cure})
	}
	for _, f := range faults {
		cause := cmp.Or(f.Cause, "not known yet")
		i := slices.IndexFunc(out, func(g shownFault) bool { return g.Cause == cause && g.State == f.State && g.Advice == f.Advice })
		if i < 0 {
			out = append(out, shownFault{Cause: cause, State: f.State, Detected: f.Detected, Detail: f.Detail, Advice: f.Advice})
			i = len(out) - 1
		}
		g := &out[i]
		g.Copies = append(g.Copies, f.Copy())
		g.Attempts += len(f.Attempts)
		if f.Detected.Before(g.Detected) {
			g.Detected = f.Detected
		}
	}
	return out
}
