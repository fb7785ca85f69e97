//determinism:realtime asks a real cluster over HTTP

package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// Live is a running cluster that is asked.
type Live struct {
	// URLs are its nodes; the next is asked where one gives no answer.
	URLs []string
	// Transport presents the credentials.
	Transport http.RoundTripper
	// Sample is the time between two looks at the counters; 0: one look.
	Sample time.Duration
	// Rate is how many requests are made in a second at most, Timeout how long all may take,
	// beside the sample; 0: as long as the context lasts.
	Rate    float64
	Timeout time.Duration
	// Progress tells a person what is asked; nil: nobody.
	Progress func(format string, args ...any)
	// Limits bound the answers.
	Limits Limits
}

// query is a request that an import makes: always GET.
type query struct {
	path     string
	kind     kind
	required bool
	what     string
}

// sampled are the counters, asked for again with a sample.
const sampled = "/_stats/docs,store,indexing,search?level=shards&filter_path=indices.*.shards.*.routing,indices.*.shards.*.docs.count,indices.*.shards.*.docs.total_size_in_bytes,indices.*.shards.*.store.size_in_bytes,indices.*.shards.*.seq_no,indices.*.shards.*.indexing.index_total,indices.*.shards.*.search.query_total"

// queries are all requests, in the order in which they are made. Filters keep documents,
// mappings, templates, users and scripts out of the answers.
var queries = []query{
	{"/", versionKind, false, "name and version"},
	{"/_cluster/state/version,master_node,nodes,metadata,routing_table?filter_path=cluster_name,cluster_uuid,version,master_node,nodes," +
		"metadata.cluster_coordination,metadata.indices.*.version,metadata.indices.*.state,metadata.indices.*.settings,metadata.indices.*.aliases," +
		"metadata.indices.*.primary_terms,metadata.indices.*.in_sync_allocations,metadata.indices.*.system,metadata.indices.*.write_load_forecast," +
		"metadata.indices.*.shard_size_forecast,metadata.indices.*.ilm.phase,metadata.data_stream.data_stream.*.indices,routing_table", clusterState, true, "nodes, indices, copies"},
	{"/_cluster/settings?flat_settings=true", clusterSettings, true, "settings of the cluster"},
	{"/_nodes/settings,os,jvm?filter_path=cluster_name,nodes.*.name,nodes.*.version,nodes.*.roles,nodes.*.attributes,nodes.*.os.allocated_processors,nodes.*.jvm.mem.heap_max_in_bytes,nodes.*.settings.cluster.routing,nodes.*.settings.indices.recovery", nodesInfo, true, "roles, processors, heap"},
	{"/_nodes/stats/fs,jvm,os?filter_path=cluster_name,nodes.*.timestamp,nodes.*.name,nodes.*.fs.total,nodes.*.jvm.uptime_in_millis,nodes.*.jvm.mem,nodes.*.os.mem.total_in_bytes", nodesInfo, true, "disks, heap, uptime"},
	{sampled, indicesStats, true, "sizes and counters of copies"},
	{"/_cat/shards?format=json&bytes=b&h=index,shard,prirep,state,docs,store,ip,id,node,unassigned.reason,unassigned.at", catJSON, false, "the copies once more"},
	{"/_recovery?filter_path=*.shards.type,*.shards.stage,*.shards.index.total_time_in_millis,*.shards.index.size.recovered_in_bytes", recoveries, false, "speeds of recoveries"},
	{"/_internal/desired_balance?filter_path=stats.unassigned_shards,stats.undesired_allocations,routing_table.*.*.desired.node_ids,cluster_info.nodes.*.least_available,cluster_info.shard_sizes", desiredBalance, false, "the desired balance"},
	{"/_data_stream?filter_path=data_streams.name,data_streams.ilm_policy,data_streams.indices.index_name", dataStreams, false, "data streams"},
	{"/_ilm/policy?filter_path=*.policy.phases.*.min_age,*.policy.phases.*.actions", ilmPolicies, false, "phases of lifecycle policies"},
	{"/_nodes/shutdown?filter_path=nodes.node_id,nodes.type", shutdowns, false, "registered shutdowns"},
	{"/_cluster/health?filter_path=cluster_name,status,number_of_nodes,active_shards,unassigned_shards", healthKind, false, "health"},
}

// DryRun lists the requests that an import of a running cluster makes.
func DryRun(sample time.Duration) []string {
	var out []string
	for _, q := range queries {
		line := "GET " + q.path + "\n      " + q.what
		if !q.required {
			line += " (goes without where it is refused)"
		}
		out = append(out, line)
	}
	if sample > 0 {
		out = append(out, fmt.Sprintf("GET %s\n      once more after %s, for rates", sampled, sample))
	}
	return out
}

// snapshots asks the cluster; with a sample the counters of before stand in one of their own.
func (l *Live) snapshots(ctx context.Context) ([]*snapshot, error) {
	limits := l.Limits
	if limits == (Limits{}) {
		limits = DefaultLimits()
	}
	b := &budget{limits: limits}
	if l.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, l.Timeout+l.Sample)
		defer cancel()
		ctx = limited
	}
	var out []*snapshot
	if l.Sample > 0 {
		before := newSnapshot("counters before")
		if err := l.ask(ctx, b, before, query{sampled, indicesStats, true, "counters, the first time"}); err != nil {
			return nil, err
		}
		before.at, before.statsAt = now(), now()
		out = append(out, before)
		l.say("waiting %s for the second look at the counters", l.Sample)
		if err := pause(ctx, l.Sample); err != nil {
			return nil, err
		}
	}
	snap := newSnapshot(strings.Join(l.URLs, ","))
	for i, q := range queries {
		if i > 0 && l.Rate > 0 {
			if err := pause(ctx, time.Duration(float64(time.Second)/l.Rate)); err != nil {
				return nil, err
			}
		}
		err := l.ask(ctx, b, snap, q)
		if q.path == sampled {
			snap.statsAt = now()
		}
		if err != nil && (q.required || ctx.Err() != nil || errors.Is(err, errTooLarge)) {
			return nil, err
		}
		if err != nil {
			snap.add("GET "+short(q.path), q.kind, time.Now(), err)
		}
	}
	snap.at = max(snap.at, snap.statsAt)
	return append(out, snap), nil
}

func now() int64 { return time.Now().UnixMilli() }

func short(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

func (l *Live) say(format string, args ...any) {
	if l.Progress != nil {
		l.Progress(format, args...)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("asking the cluster: %w", context.Cause(ctx))
	}
}

// ask makes a request to the first node that answers.
func (l *Live) ask(ctx context.Context, b *budget, snap *snapshot, q query) error {
	l.say("GET %s", short(q.path))
	var errs []error
	for _, url := range l.URLs {
		err := l.get(ctx, b, strings.TrimSuffix(url, "/"), snap, q)
		if err == nil || errors.Is(err, errTooLarge) || errors.Is(err, errRefused) || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// errRefused is an answer, though not the one that was wished for.
var errRefused = errors.New("refused")

func (l *Live) get(ctx context.Context, b *budget, url string, snap *snapshot, q query) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+q.path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	client := http.Client{Transport: l.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects to another address, which would be given the credentials")
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // reading only
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 400))
		return fmt.Errorf("GET %s: %w with %s: %s", short(q.path), errRefused, resp.Status, clip(string(text)))
	}
	body := &bounded{r: resp.Body, b: b, name: q.path, packed: -1}
	err = readers[q.kind](newStream(body), snap)
	switch {
	case errors.Is(err, errNotUsed):
		err = nil
	case errors.Is(err, errTooLarge):
		return err
	case err != nil:
		return fmt.Errorf("GET %s: %w", short(q.path), err)
	}
	snap.files = append(snap.files, clusterfile.Source{Name: "GET " + short(q.path), Kind: q.kind.String(), At: now()})
	return err
}
