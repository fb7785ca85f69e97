package observed

import (
	"slices"
	"time"
)

// FaultTimes are the milestones after a fault, since t=0; -1: never.
type FaultTimes struct {
	// Detected is when the cluster's membership or master first changed.
	Detected time.Duration
	// Yellow is when all primaries were active again: the end of the last red, or the
	// moment of detection when it was never red.
	Yellow time.Duration
	// Green is when the cluster was green again for the rest of the time watched. For both,
	// it is enough that it holds for the history's Holds.
	Green time.Duration
	// Noticed is whether the health was anything but green.
	Noticed bool
	// Blind is whether the health was not observed for some of the time.
	Blind bool
	// Red and YellowFor are how long the cluster was red and yellow.
	Red, YellowFor time.Duration
	// Until is where the watch for this fault ends: at the next fault, or with the run.
	Until time.Duration
	// Next is the kind of the fault that ends the watch; "" when the run's end does.
	Next string
}

// Ended says what ended the watch.
func (t FaultTimes) Ended() string {
	if t.Next != "" {
		return "the next fault struck (" + t.Next + ")"
	}
	return "the run ended"
}

// FaultTimes follows fault i from a moment on, until the next fault strikes. Faults
// that the plan has at one moment strike one after another; they are one blow, and each
// is watched to the next.
func (h *History) FaultTimes(i int, since time.Duration) FaultTimes {
	t := FaultTimes{Detected: -1, Yellow: since, Green: since, Until: h.Closed}
	for _, f := range h.Faults[i+1:] {
		if f.Injected && f.Due > h.Faults[i].Due && f.At > since && f.At < t.Until {
			t.Until, t.Next = f.At, f.Kind
			break
		}
	}
	t.Detected = h.membershipChange(since, t.Until)
	regained := false // the last red, for good
	for _, s := range h.HealthSpans() {
		from, to := max(s.From, since), min(s.To, t.Until)
		if to <= from {
			continue
		}
		open := s.To >= t.Until
		if h.Holds > 0 && t.Noticed && s.Status == "green" && to-from >= h.Holds {
			break // what comes later is another matter
		}
		regained = regained || h.Holds > 0 && t.Red > 0 && s.Status != "unknown" && from-t.Yellow >= h.Holds
		switch s.Status {
		case "unknown":
			t.Blind = true
		case "red":
			t.Noticed = true
			t.Red += to - from
			yellow := t.Yellow
			t.Yellow, t.Green = to, to
			if open {
				t.Yellow, t.Green = -1, -1
			}
			if regained {
				t.Yellow = yellow
			}
		case "yellow":
			t.Noticed = true
			t.YellowFor += to - from
			if t.Yellow == since {
				t.Yellow = from
			}
			t.Green = to
			if open {
				t.Green = -1
			}
		}
	}
	return t
}

// membershipChange is when the members or the master first differed from what they
// were at a moment; -1 when they did not.
func (h *History) membershipChange(since, until time.Duration) time.Duration {
	var before Members
	known := false
	for _, o := range h.Observations {
		members, ok := o.Sight.(Members)
		if !ok {
			continue
		}
		if o.At <= since || (!known && o.At <= until) {
			before, known = members, true
			continue
		}
		if o.At > until {
			break
		}
		if members.Master != before.Master || !slices.Equal(members.Nodes, before.Nodes) {
			return o.At
		}
	}
	return -1
}
