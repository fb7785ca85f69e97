package es

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Cluster is a running Elasticsearch cluster, real or simulated.
type Cluster interface {
	scenarios.Cluster
	// Transport dials nodes as seen by a viewer, over that viewer's links.
	Transport(viewer string) http.RoundTripper
	// URL is a node's HTTP address for that viewer.
	URL(viewer, node string) string
	// LoadData creates the indices and fills them as described, with the copies
	// where the description puts them, all started. Called before t=0 in main's process.
	LoadData(ctx context.Context, indices []IndexSpec) error
	// Release lets go of what held placements in place; t=0 follows at once.
	Release(ctx context.Context) error
	// Background applies the bulk load of a workload and returns at once; an empty
	// list stops it. What it acknowledged and failed is in Traffic.
	Background(ctx context.Context, loads []LoadSpec) error
	// Traffic counts the background operations since the cluster was started.
	Traffic() observed.Traffic
}

// Description is what a backend has to know of a described cluster besides its nodes, so
// that it can start with its data; see [scenarios.ClusterSpec.Own].
type Description struct {
	// Start is [scenarios.StartFormed], [scenarios.StartCold], or "": formed, unless it
	// matters how the cluster forms.
	Start   string
	Indices []IndexSpec
	// Formed is the state that the cluster is in when it starts: with these nodes, all of the
	// spec's, these indices and every copy where it says; nil: what Start says.
	Formed *clusterfile.Cluster
	// Distribution is [DefaultDistribution] or [MinimalDistribution].
	Distribution string
}

// DescriptionOf is what a spec says of an Elasticsearch cluster; one that says nothing is of a
// cluster that forms, empty.
func DescriptionOf(spec scenarios.ClusterSpec) *Description {
	if own, is := spec.Own.(*Description); is {
		return own
	}
	return &Description{Start: scenarios.StartCold, Distribution: DefaultDistribution}
}

// IndexSpec describes an index to load.
type IndexSpec struct {
	Name      string
	Shards    int
	Replicas  int
	Bytes     int64             // store size of all primaries together
	Docs      int64             // of all primaries together
	Settings  map[string]string // "index." keys
	Placement []int             // copies per node, n1 first; nil: the allocator's choice
}

// LoadSpec is a steady stream of operations.
type LoadSpec struct {
	Index    string
	Writes   float64 // per second
	Reads    float64 // per second
	DocBytes int64
	// Skew is the Zipf exponent over shards; 0: even.
	Skew float64
	// Client is how the clients behave that send it.
	Client scenarios.ClientSection
}

// IndexSpecs are the indices for a backend.
func IndexSpecs(s *scenarios.Scenario) []IndexSpec {
	var out []IndexSpec
	for _, ix := range loadedIndices(s) {
		out = append(out, IndexSpec{
			Name: ix.Name, Shards: ix.Shards, Replicas: *ix.Replicas, Bytes: int64(ix.Size), Docs: ix.Docs,
			Settings: ix.Settings, Placement: ix.Placement,
		})
	}
	return out
}

// InOrder are indices as they are created: those whose copies the allocator puts somewhere
// come first, for then allocation is held.
func InOrder(indices []IndexSpec) []IndexSpec {
	out := slices.Clone(indices)
	slices.SortStableFunc(out, func(x, y IndexSpec) int { return rank(x) - rank(y) })
	return out
}

func rank(ix IndexSpec) int {
	if ix.Placement == nil {
		return 0
	}
	return 1
}

// LoadSpecs are all bulk loads for a backend.
func LoadSpecs(s *scenarios.Scenario) []LoadSpec { return loadsAt(s, s.Duration.D()) }

// hourPart is the part of a stream's rates that there is at a time.
func hourPart(byHour []units.Percent, at time.Duration) float64 {
	if len(byHour) == 0 {
		return 1
	}
	return float64(byHour[int(at/time.Hour)%len(byHour)]) / 100
}

// loadsAt are the bulk loads that have begun by a time since t=0.
func loadsAt(s *scenarios.Scenario, at time.Duration) []LoadSpec {
	var out []LoadSpec
	for _, w := range s.Workload {
		if w.From.D() > at {
			continue
		}
		if w.Writes > 0 || w.Reads > 0 {
			part := hourPart(w.ByHour, at)
			out = append(out, LoadSpec{
				Index: w.Index, Writes: float64(float64(w.Writes) * part), Reads: float64(float64(w.Reads) * part), DocBytes: int64(w.Doc), Skew: float64(w.Skew), Client: *s.Client,
			})
		}
	}
	return out
}
