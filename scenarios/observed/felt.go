package observed

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The fates of a followed write.
const (
	FateAcked   = "acked"
	FateFailed  = "failed"  // nobody has written it
	FateUnknown = "unknown" // there was no answer: it may be there
)

// Cause is why a write was not acknowledged, as its client can tell. It is the same for all
// backends: what a client sees of a cluster, not what is known of it besides.
type Cause string

// The causes.
const (
	CauseDeadNode    Cause = "dead node still used"
	CauseUnreachable Cause = "node not reachable"
	CauseNoMaster    Cause = "no master"
	CauseBlocked     Cause = "blocked"
	CauseNoPrimary   Cause = "no primary"
	CauseRejected    Cause = "too busy"
	CauseNoIndex     Cause = "no index"
	CauseConflict    Cause = "conflict"
	CauseRefused     Cause = "refused"
	CauseTimeout     Cause = "timeout"
	CauseBroken      Cause = "connection broke"
	CauseEnded       Cause = "the run ended"
)

// Answered reports whether the cluster itself said no: the write was refused.
func (c Cause) Answered() bool {
	switch c {
	case CauseNoMaster, CauseBlocked, CauseNoPrimary, CauseRejected, CauseNoIndex, CauseConflict, CauseRefused:
		return true
	}
	return false
}

// Certain reports whether a write that ended so is known not to be there.
func (c Cause) Certain() bool {
	return c.Answered() || c == CauseDeadNode || c == CauseUnreachable
}

// Felt is what clients felt in a stretch of time, of the writes that are followed one by one
// and began in it.
type Felt struct {
	Attempted int `json:"attempted"`
	Acked     int `json:"acked"`
	// Failed nobody has written, Refused are those among them to which the cluster said no.
	Failed  int `json:"failed"`
	Refused int `json:"refused"`
	Unknown int `json:"unknown"`
	// Retried took more than one request, Slow of the acknowledged took longer than the
	// scenario's limit.
	Retried int `json:"retried"`
	Slow    int `json:"slow"`
}

// Share is the part of the writes that was not acknowledged; 0 of none.
func (f Felt) Share() float64 {
	if f.Attempted == 0 {
		return 0
	}
	return float64(f.Failed+f.Unknown) / float64(f.Attempted)
}

// add counts a write.
func (f *Felt) add(op TracerOp) {
	f.Attempted++
	if op.Requests > 1 {
		f.Retried++
	}
	switch op.Result {
	case FateAcked:
		f.Acked++
		if op.Slow {
			f.Slow++
		}
	case FateFailed:
		f.Failed++
		if op.Cause.Answered() {
			f.Refused++
		}
	default:
		f.Unknown++
	}
}

// FeltFrame is what clients felt in the time from a moment to the next frame's.
type FeltFrame struct {
	At time.Duration
	Felt
}

// FeltWithin is what clients felt of the writes that began in a stretch of time.
func (h *History) FeltWithin(from, to time.Duration) Felt {
	var f Felt
	for _, op := range h.Tracers.Operations {
		if op.At >= from && op.At < to {
			f.add(op)
		}
	}
	return f
}

// FeltOver cuts the time from t=0 to the end of the load into frames of a width.
func (h *History) FeltOver(width time.Duration) []FeltFrame {
	if len(h.Tracers.Operations) == 0 || width <= 0 {
		return nil
	}
	out := make([]FeltFrame, int((h.End+width-1)/width))
	for i := range out {
		out[i].At = time.Duration(i) * width
	}
	for _, op := range h.Tracers.Operations {
		if i := int(op.At / width); op.At >= 0 && i < len(out) {
			out[i].add(op)
		}
	}
	return out
}

// FeltCause sums up the writes that were not acknowledged for one cause.
type FeltCause struct {
	Cause  Cause
	Writes int
	// Nodes are those that were asked last.
	Nodes       []string
	First, Last time.Duration
}

// FeltCauses are the causes, the most frequent first.
func (h *History) FeltCauses() []FeltCause {
	var out []FeltCause
	for _, op := range h.Tracers.Operations {
		if op.Result == FateAcked || op.Cause == "" {
			continue
		}
		i := slices.IndexFunc(out, func(c FeltCause) bool { return c.Cause == op.Cause })
		if i < 0 {
			out, i = append(out, FeltCause{Cause: op.Cause, First: op.At, Last: op.At}), len(out)
		}
		c := &out[i]
		c.Writes++
		c.First, c.Last = min(c.First, op.At), max(c.Last, op.At)
		if op.Node != "" && !slices.Contains(c.Nodes, op.Node) {
			c.Nodes = append(c.Nodes, op.Node)
		}
	}
	for i := range out {
		slices.Sort(out[i].Nodes)
	}
	slices.SortFunc(out, func(a, b FeltCause) int { //determinism:allow sort-ties a cause is there once
		return cmp.Or(cmp.Compare(b.Writes, a.Writes), cmp.Compare(a.Cause, b.Cause))
	})
	return out
}

// Gap is a stretch of time without an acknowledgement.
type Gap struct{ From, To time.Duration }

// Length is how long it lasted.
func (g Gap) Length() time.Duration { return g.To - g.From }

// LongestGap is the longest stretch of time between a moment and another in which writes were
// tried and none was acknowledged; false where none was tried then.
func (h *History) LongestGap(from, to time.Duration) (Gap, bool) {
	var done []time.Duration
	first := time.Duration(-1)
	for _, op := range h.Tracers.Operations {
		if op.At < to && (first < 0 || op.At < first) {
			first = max(op.At, 0)
		}
		if op.Result == FateAcked {
			done = append(done, op.At+op.Latency)
		}
	}
	if first < 0 || to <= from {
		return Gap{}, false
	}
	slices.Sort(done)
	// Time before the first write counts for nobody; what was acknowledged last before the
	// stretch begins is no part of it.
	worst, last := Gap{}, max(from, first)
	worst.From, worst.To = last, last
	for _, at := range append(done, to) {
		at = min(at, to)
		if at < last {
			continue
		}
		if at-last > worst.Length() {
			worst = Gap{last, at}
		}
		last = at
	}
	return worst, true
}

// Text is the cause with the nodes that it is about.
func (c FeltCause) Text() string {
	if len(c.Nodes) == 0 || len(c.Nodes) > 3 || c.Cause == CauseEnded {
		return string(c.Cause)
	}
	return string(c.Cause) + " (" + strings.Join(c.Nodes, ", ") + ")"
}
