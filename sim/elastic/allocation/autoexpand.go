package allocation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// autoExpand is index.auto_expand_replicas: "0-1", "0-all" or "false".
type autoExpand struct {
	enabled  bool
	min, max int
	all      bool // up to every node
}

func newAutoExpand(s settings.Settings) autoExpand {
	text, _ := s.Get("index.auto_expand_replicas")
	low, high, ok := strings.Cut(text, "-")
	if !ok {
		return autoExpand{}
	}
	e := autoExpand{all: high == "all"}
	var err, err2 error
	e.min, err = strconv.Atoi(low)
	if !e.all {
		e.max, err2 = strconv.Atoi(high)
	}
	e.enabled = err == nil && err2 == nil
	return e
}

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
