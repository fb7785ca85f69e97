package planning

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/scenarios"
)

// close writes down what the search of a tier found.
func (t *Sized) close(z *sizing, winner *fleet) {
	t.Tried, t.Frontier = []Fleet{}, []Fleet{}
	for _, f := range z.tried {
		t.Tried = append(t.Tried, f)
	}
	slices.SortFunc(t.Tried, func(a, b Fleet) int { //determinism:allow sort-ties a machine and a number are one fleet
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Nodes, b.Nodes))
	})
	if winner != nil {
		w := z.tried[*winner]
		t.Winner = &w
		if smaller, tried := z.tried[fleet{winner.machine, winner.nodes - 1}]; tried {
			t.Binding = smaller.Limit
		} else {
			t.Binding = fmt.Sprintf("with fewer than %d nodes the objectives make no sense", winner.nodes)
		}
	}
	t.frontier()
	t.judge(z.s.verdict())
}

// verdict is the worst of a side's objectives, over the runs that were made.
func (s *side) verdict() scenarios.Verdict {
	out := scenarios.Pass
	for i := range s.objectives {
		out = worse(out, s.judged(i).Verdict)
	}
	return out
}

// judge compares what a tier has with what suffices.
func (t *Sized) judge(asItIs scenarios.Verdict) {
	switch {
	case asItIs == scenarios.Unknown:
		t.Verdict, t.Reason = Undecided, "whether the cluster as it is meets the objectives could not be decided"
	case asItIs == scenarios.Fail && t.Winner == nil:
		t.Verdict, t.Reason = Undecided, "no fleet that was tried meets the objectives: "+t.closest()
	case asItIs == scenarios.Fail && t.Fewest != nil && *t.Fewest <= t.Now:
		t.Verdict, t.Reason = Undecided, fmt.Sprintf("the %d nodes as they are fail, but %d like them, with all copies placed afresh, suffice: it is where copies lie, or how the tier is made up", t.Now, *t.Fewest)
	case asItIs == scenarios.Fail && t.Fewest != nil:
		t.Verdict, t.Reason = Under, fmt.Sprintf("%d more nodes like those that are there are needed", *t.Fewest-t.Now)
	case asItIs == scenarios.Fail:
		t.Verdict, t.Reason = Under, "no number of nodes like those that are there suffices"
	case t.Fewest == nil:
		t.Verdict, t.Reason = Undecided, "the cluster as it is meets the objectives, but no fleet of nodes like its own does that was made afresh: "+t.closest()
	case *t.Fewest < t.Now:
		t.Verdict, t.Reason = Over, fmt.Sprintf("%d nodes like those that are there suffice, %.0f %% fewer", *t.Fewest, float64(100*(t.Now-*t.Fewest))/float64(t.Now))
	default:
		t.Verdict, t.Reason = Right, "with one node less of those that are there the objectives fail"
	}
}

// closest is why the largest fleet that was tried fails.
func (t *Sized) closest() string {
	var most *Fleet
	for i := range t.Tried {
		if f := &t.Tried[i]; f.Verdict != scenarios.Pass && (most == nil || f.Nodes > most.Nodes) {
			most = f
		}
	}
	if most == nil {
		return "none was tried"
	}
	return fmt.Sprintf("with %d %s: %s (%s)", most.Nodes, most.Machine, most.Reason, most.Limit)
}

// frontier are the fleets with a price that meet the objectives and that none beats in both
// price and time to green.
func (t *Sized) frontier() {
	for _, f := range t.Tried {
		if f.Verdict != scenarios.Pass || f.Price == nil || f.Green == nil {
			continue
		}
		beaten := slices.ContainsFunc(t.Tried, func(o Fleet) bool {
			return o.Verdict == scenarios.Pass && o.Price != nil && o.Green != nil && *o.Price <= *f.Price && *o.Green <= *f.Green &&
				(*o.Price < *f.Price || *o.Green < *f.Green || o.Machine < f.Machine)
		})
		if !beaten {
			t.Frontier = append(t.Frontier, f)
		}
	}
	slices.SortStableFunc(t.Frontier, func(a, b Fleet) int {
		return cmp.Or(cmp.Compare(*a.Price, *b.Price), cmp.Compare(a.Machine, b.Machine))
	})
}
