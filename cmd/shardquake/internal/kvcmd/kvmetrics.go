package kvcmd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/tcp"
)

// kvWatch is a node as Prometheus sees it. What is there now is looked up when it is asked for;
// what happens is counted.
type kvWatch struct {
	fs      vfs.FS
	folder  string
	reserve uint64
	node    *tcp.Node
	events  *prometheus.CounterVec
}

// The figures of a node. What is one per shard has the name of the shard.
var (
	kvDiskFull    = kvFigure("disk_full", "1 while the disk has no room for what is to be written: writes are refused then.")
	kvDiskFree    = kvFigure("disk_available_bytes", "Bytes that are left on the disk, those in reserve among them.")
	kvDiskSize    = kvFigure("disk_size_bytes", "Bytes that the disk has.")
	kvDiskReserve = kvFigure("disk_reserve_bytes", "Bytes that are kept for what the node can't go on without.")
	kvDoubt       = kvFigure("disk_in_doubt", "1 while the node can't prove that its disk is the newest that it had.")
	kvLeading     = kvFigure("leading", "1 while the node leads the metadata group.")
	kvPrimary     = kvFigure("copy_primary", "1 while the node's copy is the primary that acts.", "shard")
	kvInSync      = kvFigure("copies_in_sync", "Copies that have what this primary has acknowledged, itself among them.", "shard")
	kvStuck       = kvFigure("copy_stuck", "1 while there is no room for what the copy lacks.", "shard")
	kvBytes       = kvFigure("shard_bytes", "Bytes of the shard's data, as its primary measured them.", "shard")
)

func kvFigure(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("shardquake_kv_"+name, help, labels, nil)
}

func newKVWatch(folder string, store pebblestore.Config) *kvWatch {
	return &kvWatch{fs: store.FS, folder: folder, reserve: store.Reserve, events: prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "shardquake_kv_events_total", Help: "What happened on the node, as its log has it."}, []string{"event"})}
}

// happened counts what the node tells.
func (w *kvWatch) happened(e node.Event) { w.events.WithLabelValues(e.What).Inc() }

// serve answers on an address until it is stopped.
func (w *kvWatch) serve(ctx context.Context, address string, n *tcp.Node) (stop func(), err error) {
	w.node = n
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{w, w.events} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register: %w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return func() { _ = server.Close() }, nil
}

// Describe implements [prometheus.Collector].
func (w *kvWatch) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{kvDiskFull, kvDiskFree, kvDiskSize, kvDiskReserve, kvDoubt, kvLeading, kvPrimary, kvInSync, kvStuck, kvBytes} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *kvWatch) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	tell(kvDiskReserve, float64(w.reserve))
	if disk, err := w.fs.GetDiskUsage(w.folder); err == nil { // otherwise it can't be told
		tell(kvDiskFree, float64(disk.AvailBytes))
		tell(kvDiskSize, float64(disk.TotalBytes))
	}
	var f node.Figures
	if !w.node.Look(func(core *node.Node) { f = core.Figures() }) {
		return
	}
	tell(kvDiskFull, oneIf(f.Full))
	tell(kvDoubt, oneIf(f.Doubt))
	tell(kvLeading, oneIf(f.Leading))
	for i := range f.Copies {
		c := &f.Copies[i]
		shard := string(c.Shard)
		tell(kvPrimary, oneIf(c.Acting), shard)
		tell(kvStuck, oneIf(c.Stuck), shard)
		if c.Acting {
			tell(kvInSync, float64(len(c.InSync)), shard)
		}
		if c.Acting && c.Measured {
			tell(kvBytes, float64(c.Bytes), shard)
		}
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
