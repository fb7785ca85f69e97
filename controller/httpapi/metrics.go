//determinism:realtime Prometheus's collectors send on a channel; only a daemon is scraped

package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/recovery"
)

// collector turns what the controller knows into metrics at the moment of a scrape.
// It calls the cluster for nothing.
type collector struct {
	c           *controller.Controller
	consistency *consistency.Checker
	recovery    *recovery.Manager
}

func metricsHandler(cfg Config) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collector{cfg.Controller, cfg.Consistency, cfg.Recovery},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	// One figure that can't be given, such as those of two nodes of one name, keeps none of
	// the others back.
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Describe implements prometheus.Collector: an unchecked one, whose metrics depend on
// the cluster.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (k collector) Collect(out chan<- prometheus.Metric) {
	e := emitter{out}
	stats := k.c.Client().Stats()
	e.counter("client_requests_total", "Requests sent to Elasticsearch, retries included.", float64(stats.Calls))
	e.counter("client_failures_total", "Requests that failed.", float64(stats.Failures))
	e.counter("client_retries_total", "Requests that were sent again.", float64(stats.Retries))
	e.gauge("running", "1 while the controller looks after its cluster, 0 while it stands by for another.", flag(k.c.Running()))
	e.gauge("ready", "1 when it does and the last rounds could see the cluster.", flag(k.c.Running() && k.c.Ready()))
	if at := k.c.Monitor().LastCheck(); !at.IsZero() {
		e.gauge("last_check_timestamp_seconds", "When a check of all copies last succeeded.", float64(at.UnixMilli())/1000)
	}
	k.decisions(e)
	k.indices(e)
	k.recoveries(e)
	k.faults(e)
	if m, ok := k.c.Monitor().GetMetrics(); ok {
		e.gauge("last_look_timestamp_seconds", "When loads, sizes and documents were last looked at.", float64(m.At.UnixMilli())/1000)
		levels(e, m)
	}
}

// decisions counts by actor and by whether the cluster was changed.
func (k collector) decisions(e emitter) {
	for _, n := range k.c.DecisionCounts() {
		e.counter("decisions_total", "Decisions taken.", float64(n.Count), label{"actor", n.Actor}, label{"acted", strconv.FormatBool(n.Acted)})
	}
}

func (k collector) indices(e emitter) {
	statuses := k.c.Monitor().GetAllReplicationStatuses()
	for _, name := range slices.Sorted(maps.Keys(statuses)) {
		s := statuses[name]
		e.gauge("index_copies", "Shard copies that the index is to have.", float64(s.TotalShards), label{"index", name})
		e.gauge("index_replication_ratio", "Share of the copies that serve.", s.ReplicationProgress/100, label{"index", name})
		for _, status := range []string{controller.StatusHealthy, controller.StatusSyncing, controller.StatusDegraded, controller.StatusFailed} {
			e.gauge("index_status", "1 for the status that the index has.", flag(s.Status == status), label{"index", name}, label{"status", status})
		}
	}
}

func (k collector) recoveries(e emitter) {
	all := k.c.Monitor().GetRecoveries()
	slow := 0
	for _, r := range all {
		if r.Slow != "" {
			slow++
		}
	}
	e.gauge("recoveries", "Recoveries going on at the last check.", float64(len(all)))
	e.gauge("recoveries_slow", "Recoveries that make little progress.", float64(slow))
}

// faults gives what the consistency checker and the recovery manager know.
func (k collector) faults(e emitter) {
	if k.consistency != nil {
		reports := k.consistency.Reports()
		for _, name := range slices.Sorted(maps.Keys(reports)) {
			for _, v := range []consistency.Verdict{consistency.Consistent, consistency.Unknown, consistency.Inconsistent} {
				e.gauge("index_consistency", "1 for the verdict of the last consistency check.", flag(reports[name].Verdict == v), label{"index", name}, label{"verdict", string(v)})
			}
		}
	}
	if k.recovery == nil {
		return
	}
	stats := k.recovery.Stats()
	e.gauge("faults_open", "Faults that are not over.", float64(stats.Open))
	e.counter("faults_resolved_total", "Faults that are over.", float64(stats.Count))
	e.gauge("fault_mean_time_to_recovery_seconds", "Mean time from detection to recovery.", stats.MTTR.Seconds())
}

// levels gives the figures of cluster, nodes, indices and shards.
func levels(e emitter, m controller.Metrics) {
	e.gauge("cluster_nodes", "Nodes in the cluster.", float64(m.Cluster.Nodes))
	for _, s := range []struct {
		state string
		n     int
	}{
		{"active", m.Cluster.ActiveShards}, {"initializing", m.Cluster.InitializingShards},
		{"relocating", m.Cluster.RelocatingShards}, {"unassigned", m.Cluster.UnassignedShards},
	} {
		e.gauge("cluster_shards", "Shard copies by state; relocating ones are active too.", float64(s.n), label{"state", s.state})
	}
	for _, role := range []struct {
		name string
		n    int
	}{{"primary", m.Cluster.ActivePrimaryShards}, {"replica", m.Cluster.ActiveShards - m.Cluster.ActivePrimaryShards}} {
		e.gauge("cluster_active_copies", "Shard copies that serve, by role.", float64(role.n), label{"role", role.name})
	}
	for _, n := range m.Nodes {
		node := label{"node", n.Name}
		e.gauge("node_shards", "Shard copies on the node.", float64(n.Shards), node)
		e.gauge("node_heap_used_bytes", "Java heap in use.", float64(n.HeapUsed), node)
		e.gauge("node_heap_max_bytes", "Java heap at most.", float64(n.HeapMax), node)
		e.gauge("node_disk_total_bytes", "Size of the data file system.", float64(n.DiskTotal), node)
		e.gauge("node_disk_available_bytes", "Available on the data file system.", float64(n.DiskFree), node)
		e.counter("node_transport_sent_bytes_total", "Sent to other nodes.", float64(n.TransportSent), node)
		e.counter("node_transport_received_bytes_total", "Received from other nodes.", float64(n.TransportReceived), node)
		e.known("node_cpu_ratio", "Use of the processors, 0 to 1.", n.CPUPercent, 100, node)
		e.known("node_disk_busy_ratio", "Share of the time in which the disk was busy.", n.DiskBusyPercent, 100, node)
	}
	for _, x := range m.Indices {
		index := label{"index", x.Index}
		e.gauge("index_documents", "Documents in the primaries.", float64(x.Docs), index)
		e.gauge("index_store_bytes", "Size of all copies.", float64(x.StoreBytes), index)
		e.known("index_operations_per_second", "Searches, gets and index operations.", x.QPS, 1, index)
		e.known("index_latency_seconds", "Mean time of an operation.", x.Latency.Seconds(), 1, index)
	}
	for _, s := range m.Shards {
		e.known("shard_sync_delay_operations", "Operations that a copy is behind its primary.", float64(s.SyncDelay), 1,
			label{"index", s.Index}, label{"shard", strconv.Itoa(s.Shard)}, label{"node", s.Node})
	}
}

type label struct{ name, value string }

// emitter makes metrics with the controller's prefix.
type emitter struct{ out chan<- prometheus.Metric }

func (e emitter) gauge(name, help string, v float64, labels ...label) {
	e.emit(prometheus.GaugeValue, name, help, v, labels)
}

func (e emitter) counter(name, help string, v float64, labels ...label) {
	e.emit(prometheus.CounterValue, name, help, v, labels)
}

// known is a gauge of a figure in parts of unit; a negative one is not known.
func (e emitter) known(name, help string, v, unit float64, labels ...label) {
	if v >= 0 {
		e.gauge(name, help, v/unit, labels...)
	}
}

func (e emitter) emit(kind prometheus.ValueType, name, help string, v float64, labels []label) {
	names, values := make([]string, len(labels)), make([]string, len(labels))
	for i, l := range labels {
		names[i], values[i] = l.name, l.value
	}
	desc := prometheus.NewDesc("shardquake_controller_"+name, help, names, nil)
	m, err := prometheus.NewConstMetric(desc, kind, v, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err) // a name of the cluster's that is no text
	}
	e.out <- m
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
