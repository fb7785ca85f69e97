package usage

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
)

// Routes are the endpoints.
func Routes() []*rest.Route {
	return []*rest.Route{{
		On: []string{
			"GET /_nodes/usage", "GET /_nodes/usage/{metric}", "GET /_nodes/{nodeId}/usage", "GET /_nodes/{nodeId}/usage/{metric}",
		},
		Prepare: prepareUsage,
	}}
}

// counts are what a node's process was asked, by name of the handler.
type counts struct {
	requests map[string]int64
}

// Count counts a request that a node carries out.
func Count(n *elastic.Node, name string) {
	if n.Proc == nil || name == "" {
		return
	}
	c := elastic.Kept[counts](n.Proc, "usage")
	if c.requests == nil {
		c.requests = map[string]int64{}
	}
	c.requests[name]++
}

// nodeUsage is what a node tells of itself.
type nodeUsage struct {
	now, since time.Time
	requests   map[string]int64
	aggs       map[string]map[string]int64
}

// askUsage asks a node what was asked of it.
type askUsage struct{}

func (askUsage) Ask(n *elastic.Node) (nodeUsage, error) {
	out := nodeUsage{now: n.Cluster().Engine().Wall(), aggs: map[string]map[string]int64{}}
	if n.Proc == nil {
		return out, elastic.ErrNodeGone
	}
	out.since = out.now.Add(-n.Cluster().Engine().Now().Sub(n.Proc.Started))
	out.requests = maps.Clone(elastic.Kept[counts](n.Proc, "usage").requests)
	times := search.AggregatedOn(n.Proc).Times
	for _, name := range slices.Sorted(maps.Keys(times)) {
		kind, of, _ := strings.Cut(name, "/")
		if out.aggs[kind] == nil {
			out.aggs[kind] = map[string]int64{}
		}
		out.aggs[kind][of] = times[name]
	}
	return out, nil
}

// prepareUsage serves _nodes/usage. Metrics that there are not are passed over, as a node does.
func prepareUsage(r *rest.Request) rest.Action {
	filters, metrics := r.ListParam("nodeId"), r.ListParam("metric")
	timeout := r.TimeParam("timeout", 0)
	if len(metrics) > 1 && slices.Contains(metrics, "_all") {
		rest.Raise(rest.IllegalArgument("request [%s] contains _all and individual metrics [%s]", r.Path(), strings.Join(metrics, ",")))
	}
	wants := func(metric string) bool {
		return len(metrics) == 0 || slices.Contains(metrics, "_all") || slices.Contains(metrics, metric)
	}
	return func(c *rest.Call) *rest.Response {
		targets := rest.NodesOf(c.State(true, 0), c.Node.ID(), filters)
		results, failures := rest.FanOut(c, targets, timeout, askUsage{})
		w := rest.NewWriter(false)
		w.Obj()
		rest.WriteNodesHeader(w, len(targets), failures)
		w.Str("cluster_name", c.Cluster.Name())
		w.Object("nodes")
		for i := range results {
			u := &results[i].Value
			w.Object(results[i].Node.ID)
			w.Int64("timestamp", u.now.UnixMilli())
			w.Int64("since", u.since.UnixMilli())
			if wants("rest_actions") {
				writeCounts(w, "rest_actions", u.requests)
			}
			if wants("aggregations") {
				w.Object("aggregations")
				for _, kind := range slices.Sorted(maps.Keys(u.aggs)) {
					writeCounts(w, kind, u.aggs[kind])
				}
				w.End()
			}
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeCounts(w *rest.Writer, key string, counted map[string]int64) {
	w.Object(key)
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		w.Int64(name, counted[name])
	}
	w.End()
}
