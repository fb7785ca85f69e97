package plans

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// Budget bounds what a plan may do.
type Budget struct {
	// Kinds that a plan may have; nil: all of the cluster's system that can be drawn.
	Kinds []string
	// Most is how many faults a plan has at most, AtOnce how many of them at one time.
	Most, AtOnce int
	// Ailing is how many nodes may be lost, cut off or on a bad disk at one time.
	Ailing int
	// Zone is the attribute whose values are zones; "": there are none. Zones is how many of them
	// may ail at one time, however many nodes that are: a plan keeps to Ailing or to Zones.
	Zone  string
	Zones int
	// Span is the time from t=0 in which faults strike; they heal by its end, too.
	Span time.Duration
	// Shortest and Longest are how long a fault lasts.
	Shortest, Longest time.Duration
}

// DefaultBudget suits a cluster: a minority of its nodes may ail.
func DefaultBudget(t chaos.Topology, span time.Duration) Budget {
	return Budget{
		Most: 5, AtOnce: 3, Ailing: max(1, (len(t.Nodes)-len(t.Late)-1)/2),
		Span: span, Shortest: 500 * time.Millisecond, Longest: max(span/3, time.Second),
	}
}

// kinds are those that the budget allows for a cluster.
func (b Budget) kinds(t chaos.Topology) ([]chaos.Kind, error) {
	var out []chaos.Kind
	for _, k := range chaos.Kinds() {
		named := slices.Contains(b.Kinds, k.Name)
		switch {
		case named && !k.For(t.System):
			return nil, fmt.Errorf("%s is not for system %s", k.Name, t.System)
		case named && k.Draw == nil:
			return nil, fmt.Errorf("%s can't be drawn by chance", k.Name)
		case k.For(t.System) && k.Draw != nil && (named || b.Kinds == nil):
			out = append(out, k)
		}
	}
	for _, name := range b.Kinds {
		if chaos.KindOf(name).New == nil {
			return nil, fmt.Errorf("there is no kind of fault %q", name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the budget allows no kind of fault")
	}
	return out, nil
}

// ends is when an entry has healed; what stays is there until the end.
func (b Budget) ends(e chaos.Entry) time.Duration {
	if d := e.Fault.Lasts(); d > 0 {
		return e.At.D() + d
	}
	return b.Span
}

// within keeps of entries, in the order of their times, those that the budget allows beside
// the ones before.
func (b Budget) within(entries []chaos.Entry, t chaos.Topology) []chaos.Entry {
	slices.SortStableFunc(entries, func(a, c chaos.Entry) int { return cmp.Compare(a.At, c.At) })
	var out []chaos.Entry
	for _, e := range entries {
		at, count, ailing := e.At.D(), 1, b.ail(e, t)
		beside := []chaos.Entry{e}
		for _, before := range out {
			// When a trigger comes nobody knows: it may be with any other fault.
			if b.ends(before) <= at && e.Trigger == nil && before.Trigger == nil {
				continue
			}
			if !chaos.ForGood(before.Fault) {
				count++
			}
			ailing += b.ail(before, t)
			beside = append(beside, before)
		}
		if len(out) < b.Most && count <= b.AtOnce && (ailing <= b.Ailing || b.Zones > 0 && b.zones(beside, t) <= b.Zones) {
			out = append(out, e)
		}
	}
	return out
}

// Down is how many nodes are lost, cut off or on a bad disk at one time at most, as far as
// that can be told before. What waits for a trigger may meet anything else.
func (b Budget) Down(entries []chaos.Entry, t chaos.Topology) int {
	most := 0
	for i, e := range entries {
		down := b.ail(e, t)
		for j, other := range entries {
			if i == j || b.ail(other, t) == 0 {
				continue
			}
			if e.Trigger != nil || other.Trigger != nil || other.At <= e.At && b.ends(other) > e.At.D() {
				down += b.ail(other, t)
			}
		}
		most = max(most, down)
	}
	return most
}

// zones is how many zones have nodes that ail from some faults. What is aimed at a node by its
// role may be in any, and counts as one of its own.
func (b Budget) zones(entries []chaos.Entry, t chaos.Topology) int {
	var known []string
	unknown := 0
	for _, e := range entries {
		if !chaos.KindOf(e.Fault.Kind()).Ails {
			continue
		}
		aiming, is := e.Fault.(chaos.Aiming)
		if !is || b.Zone == "" {
			return len(t.Nodes) + 1 // nobody knows: too many
		}
		for _, s := range aiming.Aims() {
			value, is := s.Attribute(b.Zone, t)
			switch {
			case slices.Contains(t.Viewers, string(s)): // no node, and in no zone
			case !is || value == "":
				unknown++
			case !slices.Contains(known, value):
				known = append(known, value)
			}
		}
	}
	return len(known) + unknown
}

// Losses is how many faults there are that make nodes ail.
func (b Budget) Losses(entries []chaos.Entry) int {
	n := 0
	for _, e := range entries {
		if chaos.KindOf(e.Fault.Kind()).Ails {
			n++
		}
	}
	return n
}

// ail is how many nodes ail from a fault, as far as that can be told before it strikes.
func (b Budget) ail(e chaos.Entry, t chaos.Topology) int {
	if !chaos.KindOf(e.Fault.Kind()).Ails {
		return 0
	}
	r, err := chaos.Preview(e.Fault, t)
	if err != nil {
		return len(t.Nodes) // nobody knows: too many
	}
	return len(r.Victims)
}
