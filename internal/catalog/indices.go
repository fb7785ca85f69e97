package catalog

import (
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// checkIndices says which described index Elasticsearch would refuse for the copies that
// are there already. Indices of a cluster that is taken over, or whose copies the file puts
// somewhere, are there and not asked for.
func checkIndices(s *scenarios.Scenario) []source.Problem {
	if s.Imported() != nil {
		return nil
	}
	limit := elastic.ShardLimit{PerNode: settings.MaxShardsPerNode.Get(settings.Of(s.Cluster.Settings))}
	for _, n := range s.NodeSpecs() {
		if !n.Late {
			limit.AddNode(&state.Node{Roles: n.Roles})
		}
	}
	for _, ix := range es.InOrder(es.IndexSpecs(s)) {
		copies := ix.Shards * (1 + ix.Replicas)
		if err := limit.Check(copies); err != nil {
			return []source.Problem{(&es.Refused{Index: ix.Name, Err: err}).Problem(s)}
		}
		limit.Open += copies
	}
	return nil
}
