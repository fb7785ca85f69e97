package coordination

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// candidate is a node that could be in the voting configuration.
type candidate struct {
	id                    string
	live, master, current bool
}

// order prefers the master, then live nodes, then those in the configuration.
func (c candidate) order(o candidate) int {
	return cmp.Or(trueFirst(c.master, o.master), trueFirst(c.live, o.live),
		trueFirst(c.current, o.current), cmp.Compare(c.id, o.id))
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// reconfigured is the best voting configuration for the live master-eligible nodes
// (Reconfigurator.reconfigure): an odd number of them, at least three while the
// present one has three or more and may shrink, never fewer than at present when it
// may not. live holds ids, among them the master's; retired nodes are left out. When
// the result has no live quorum the present configuration stays. The result is sorted.
func reconfigured(live, retired []string, master string, current []string, autoShrink bool) []string {
	var all []candidate
	for _, id := range live {
		if !slices.Contains(retired, id) {
			all = append(all, candidate{id, true, id == master, slices.Contains(current, id)})
		}
	}
	for _, id := range current {
		if !slices.Contains(live, id) && !slices.Contains(retired, id) {
			all = append(all, candidate{id: id, current: true})
		}
	}
	slices.SortStableFunc(all, candidate.order)

	inConfig, alive := 0, 0
	for _, c := range all {
		if c.current {
			inConfig++
		}
		if c.live {
			alive++
		}
	}
	least := inConfig
	if autoShrink {
		least = min(3, inConfig)
		if inConfig < 3 {
			least = 1
		}
	}
	odd := alive - (1 - alive%2)
	size := min(max(odd, least), len(all))

	config, v := make([]string, 0, size), votes{}
	for _, c := range all[:size] {
		config = append(config, c.id)
	}
	for _, id := range live {
		v[id] = struct{}{}
	}
	slices.Sort(config)
	if !v.quorum(config) {
		return current
	}
	return config
}

// InitialVoters is the voting configuration that a cluster comes to whose master-eligible
// nodes were all there when it formed.
func InitialVoters(st *state.State, autoShrink bool) []string {
	var all []string
	for _, n := range st.Nodes {
		if n.HasRole("master") {
			all = append(all, n.ID)
		}
	}
	slices.Sort(all)
	return reconfigured(all, nil, st.Master, all, autoShrink)
}

// improved is the state with the best voting configuration, or the same state
// (Coordinator.improveConfiguration). Only nodes whose vote the leader holds count as
// live.
func (c *Coordinator) improved(st *state.State) *state.State {
	var live, retired []string
	for _, n := range st.Nodes {
		eligible := n.HasRole("master")
		switch {
		case eligible && (c.consensus.joinVotes.has(n.ID) || n.ID == c.node.ID):
			live = append(live, n.ID)
		case !eligible && (slices.Contains(st.LastAccepted, n.ID) || slices.Contains(st.LastCommitted, n.ID)):
			retired = append(retired, n.ID)
		}
	}
	retired = append(retired, st.Exclusions...)
	shrink := settings.AutoShrinkVotingConfiguration.Get(c.settingsOf(st))
	config := reconfigured(live, retired, c.node.ID, st.LastAccepted, shrink)
	if slices.Equal(config, st.LastAccepted) {
		return st
	}
	out := st.Clone()
	out.LastAccepted = config
	return out
}

// reconfigureIfNeeded submits an update that improves the voting configuration.
func (c *Coordinator) reconfigureIfNeeded() {
	if c.reconfiguring || c.improved(c.consensus.accepted) == c.consensus.accepted {
		return
	}
	c.reconfiguring = true
	c.Submit(Task{
		Source: "reconfigure", Priority: Urgent,
		Update: func(st *state.State) (*state.State, error) {
			c.reconfiguring = false
			return c.improved(st), nil
		},
		Failed: func(error) { c.reconfiguring = false },
	})
}

// mayWin reports whether a node may be elected on the basis of a state: it is in a
// voting configuration, or not excluded from it.
func mayWin(st *state.State, id string) bool {
	return slices.Contains(st.LastCommitted, id) || slices.Contains(st.LastAccepted, id) ||
		!slices.Contains(st.Exclusions, id)
}
