package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// adaptReplicas gives indices that expand by themselves as many replicas as there are
// nodes that filters allow (AllocationService.adaptAutoExpandReplicas).
func (s *Service) adaptReplicas(st *state.State, in Input) *state.State {
	if !slices.ContainsFunc(st.Indices, func(m *state.Index) bool { return newAutoExpand(m.Settings).enabled }) {
		return st
	}
	p := s.newPass(st, in)
	defer p.close()
	type change struct {
		replicas int
		name     string
	}
	var changes []change
	for _, idx := range p.indices {
		e := idx.set.expand
		if !e.enabled {
			continue
		}
		allowed := 0
		for _, n := range p.nodes {
			if n.disco != nil && p.fits(idx, n) != No {
				allowed++
			}
		}
		want := max(allowed-1, e.min)
		if !e.all {
			want = min(want, e.max)
		}
		if want != idx.meta.Replicas {
			changes = append(changes, change{want, idx.meta.Name})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.replicas, b.replicas), cmp.Compare(a.name, b.name)) })
	for _, c := range changes {
		st = SetReplicas(st, []string{c.name}, c.replicas, in)
	}
	return st
}
