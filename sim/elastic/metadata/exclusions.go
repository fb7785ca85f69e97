package metadata

import (
	"context"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ExcludeVotes takes nodes out of the voting configuration and keeps them out
// (TransportAddVotingConfigExclusionsAction); it reports whether they were out in time. Absent
// are names of nodes that are no members: when such a node joins it is kept out.
func ExcludeVotes(ctx context.Context, n *elastic.Node, ids, absent []string, masterTimeout, timeout time.Duration) (out bool, err error) {
	_, _, err = n.MasterTask(ctx, "add-voting-config-exclusions", elastic.Urgent, masterTimeout, timeout, excludeVotes{ids, absent})
	if err != nil {
		return false, err
	}
	return n.WhenState(ctx, timeout, func(st *state.State) bool {
		return !slices.ContainsFunc(ids, func(id string) bool {
			return slices.Contains(st.LastCommitted, id) || slices.Contains(st.LastAccepted, id)
		})
	})
}

// excludeVotes keeps nodes out of the voting configuration.
type excludeVotes struct {
	ids    []string
	absent []string
}

func (c excludeVotes) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	next := st.Clone()
	next.Exclusions = slices.Clone(st.Exclusions)
	for _, id := range c.ids {
		if !slices.Contains(next.Exclusions, id) {
			next.Exclusions = append(next.Exclusions, id)
		}
	}
	next.ExcludedNames = slices.Clone(st.ExcludedNames)
	for _, name := range c.absent {
		if !slices.Contains(next.ExcludedNames, name) {
			next.ExcludedNames = append(next.ExcludedNames, name)
		}
	}
	if len(next.Exclusions) == len(st.Exclusions) && len(next.ExcludedNames) == len(st.ExcludedNames) {
		return st, nil
	}
	slices.Sort(next.Exclusions)
	slices.Sort(next.ExcludedNames)
	return next, nil
}

// ClearExclusions lets all nodes vote again (TransportClearVotingConfigExclusionsAction); with
// removed it first waits until the excluded ones have left the cluster, and reports whether
// they have.
func ClearExclusions(ctx context.Context, n *elastic.Node, removed bool, masterTimeout, timeout time.Duration) (gone bool, err error) {
	if removed {
		gone, err = n.WhenState(ctx, timeout, func(st *state.State) bool {
			return !slices.ContainsFunc(st.Exclusions, func(id string) bool { return st.Node(id) != nil })
		})
		if err != nil || !gone {
			return false, err
		}
	}
	_, _, err = n.MasterTask(ctx, "clear-voting-config-exclusions", elastic.Urgent, masterTimeout, timeout, clearExclusions{})
	return true, err
}

// clearExclusions lets all nodes in again.
type clearExclusions struct{}

func (clearExclusions) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if len(st.Exclusions)+len(st.ExcludedNames) == 0 {
		return st, nil
	}
	next := st.Clone()
	next.Exclusions, next.ExcludedNames = nil, nil
	return next, nil
}
