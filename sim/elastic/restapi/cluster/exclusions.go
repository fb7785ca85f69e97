package cluster

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// mostExclusions is cluster.max_voting_config_exclusions.
const mostExclusions = 10

// prepareExcludeVotes is POST /_cluster/voting_config_exclusions.
func prepareExcludeVotes(r *rest.Request) rest.Action {
	names, ids := r.ListParam("node_names"), r.ListParam("node_ids")
	if (len(names) > 0) == (len(ids) > 0) {
		rest.Raise(rest.IllegalArgument("You must set [node_names] or [node_ids] but not both"))
	}
	master, timeout := r.MasterTimeout(), r.AckTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		chosen, absent := slices.Clone(ids), []string(nil)
		for _, name := range names {
			if n := st.NodeNamed(name); n == nil {
				absent = append(absent, name)
			} else if n.HasRole("master") {
				chosen = append(chosen, n.ID)
			}
		}
		had := len(st.Exclusions) + len(st.ExcludedNames)
		if more := len(rest.AddNew(slices.Clone(st.Exclusions), chosen...)) + len(rest.AddNew(slices.Clone(st.ExcludedNames), absent...)); more > mostExclusions {
			rest.Raise(rest.IllegalArgument("add voting config exclusions request for nodes named [%s] would add [%d] exclusions to the existing [%d] which would exceed the maximum of [%d] set by [cluster.max_voting_config_exclusions]",
				strings.Join(names, ", "), more-had, had, mostExclusions))
		}
		out, err := metadata.ExcludeVotes(c.Ctx, c.Node, chosen, absent, master, timeout)
		c.Check(err)
		if !out {
			rest.Raise(&elastic.Error{Status: 503, Type: "timeout_exception", Reason: "timed out waiting for voting config exclusions to take effect"})
		}
		return &rest.Response{}
	}
}

// prepareClearExclusions is DELETE /_cluster/voting_config_exclusions.
func prepareClearExclusions(r *rest.Request) rest.Action {
	removed := r.BoolParam("wait_for_removal", true)
	master, timeout := r.MasterTimeout(), r.AckTimeout()
	return func(c *rest.Call) *rest.Response {
		c.State(false, master)
		gone, err := metadata.ClearExclusions(c.Ctx, c.Node, removed, master, timeout)
		c.Check(err)
		if !gone {
			rest.Raise(&elastic.Error{Status: 503, Type: "timeout_exception", Reason: "timed out waiting for removal of nodes; if nodes should not be removed, set ?wait_for_removal=false."})
		}
		return &rest.Response{}
	}
}
