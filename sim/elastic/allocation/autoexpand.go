package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// adaptReplicas gives indices that expand by themselves as many replicas as there are
// nodes that filters allow (AllocationService.adaptAutoExpandReplicas).
func (s *Service) adaptReplicas(st *state.State, in Input) *state.State {
	if !slices.ContainsFunc(st.Indices, func(m *state.Index) bool { return routing.NewAutoExpand(m.Settings).Enabled }) {
		return st
	}
	p := s.newPass(st, in)
	defer p.close()
	type change struct {
		replicas int
		name     string
	}
	var changes []change
	for _, idx := range p.Indices {
		e := idx.Settings.Expand
		if !e.Enabled {
			continue
		}
		allowed := 0
		for _, n := range p.Nodes {
			if n.Disco != nil && p.fits(idx, n) != No && p.replacedBy(n) == nil {
				allowed++
			}
		}
		want := max(allowed-1, e.Min)
		if !e.All {
			want = min(want, e.Max)
		}
		if want != idx.Meta.Replicas {
			changes = append(changes, change{want, idx.Meta.Name})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.replicas, b.replicas), cmp.Compare(a.name, b.name)) })
	for _, c := range changes {
		st = SetReplicas(st, []string{c.name}, c.replicas, in)
	}
	return st
}
