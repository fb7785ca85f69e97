package integration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/links"
)

// Defaults of [NodeSpec].
const (
	DefaultHeapMB    = 256
	DefaultDiskBytes = 512 << 20
)

// defaultJavaOptions favour start-up on small machines: three nodes start at once on two
// cores, and a run lasts minutes.
const defaultJavaOptions = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

const (
	closeTimeout = 60 * time.Second
	maxNodes     = 200 // addresses 127.0.1.1 to 127.0.1.200
)

// Options describe the cluster to start.
type Options struct {
	// ESImage and ProxyImage override the environment and the defaults.
	ESImage, ProxyImage string
	ClusterName         string // default "shardquake"
	Nodes               []NodeSpec
	// ClusterSettings are in the configuration of every node.
	ClusterSettings map[string]string
	// Viewers get proxies of their own in front of every node: "controller", "client".
	Viewers []string
	// JavaOptions are added after the heap size; default [defaultJavaOptions].
	JavaOptions string
	Log         *slog.Logger // default: silent
	// Progress is told what a person may want to know while waiting. It may be nil.
	Progress func(string)
}

// NodeSpec is one node.
type NodeSpec struct {
	Name       string
	HeapMB     int               // default DefaultHeapMB
	DiskBytes  int64             // default DefaultDiskBytes
	Attributes map[string]string // node.attr.*
	Settings   map[string]string // the node's own configuration
	// Late keeps Elasticsearch out of the start: the container is made, and
	// [Cluster.Start] starts it later.
	Late bool
}

// Cluster is a running cluster. It is a [chaos.Target]; its methods may be called from
// several goroutines.
type Cluster struct {
	*links.Set // what can be done to links

	opt        Options
	runID      string
	labels     map[string]string
	docker     *client.Client
	es, proxy  image
	nodes      []*node
	byName     map[string]*node
	networkID  string
	deaths     *deaths
	viewers    *links.Server // of the proxies between viewers and nodes, in this process
	log        *slog.Logger
	closeGuard sync.Mutex
	closed     bool
	// interrupted is true from the first request that makes something until all is made.
	interrupted bool

	urls map[links.Key]string // where viewers dial nodes; fixed after Start
}

// node is one node and the containers that make it.
type node struct {
	spec  NodeSpec
	index int // 1 for the first; the last byte of its transport address
	// container ids
	proxyID, toolsID, esID string
	address                string // in the Docker network
	api                    *toxiproxy.Client
	proxyAPI               string // its URL
	http                   string // published host:port of Elasticsearch
}

// transportAddress is where every node publishes, and where the others dial it.
func (n *node) transportAddress() string { return fmt.Sprintf("127.0.1.%d:9300", n.index) }

var nodeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// withDefaults checks the options and fills in what is not set.
func (o Options) withDefaults() (Options, error) {
	if len(o.Nodes) == 0 || len(o.Nodes) > maxNodes {
		return o, fmt.Errorf("a cluster has 1 to %d nodes, not %d", maxNodes, len(o.Nodes))
	}
	if o.ClusterName == "" {
		o.ClusterName = "shardquake"
	}
	if o.JavaOptions == "" {
		o.JavaOptions = defaultJavaOptions
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	o.Nodes = slices.Clone(o.Nodes)
	seen := map[string]bool{}
	for i := range o.Nodes {
		n := &o.Nodes[i]
		if !nodeName.MatchString(n.Name) || seen[n.Name] {
			return o, fmt.Errorf("node name %q: lower-case letters, digits and hyphens, each name once", n.Name)
		}
		seen[n.Name] = true
		if n.HeapMB == 0 {
			n.HeapMB = DefaultHeapMB
		}
		if n.DiskBytes == 0 {
			n.DiskBytes = DefaultDiskBytes
		}
	}
	for _, v := range o.Viewers {
		if !nodeName.MatchString(v) || seen[v] {
			return o, fmt.Errorf("viewer name %q: lower-case letters, digits and hyphens, no node's name", v)
		}
		seen[v] = true
	}
	return o, nil
}

// Start starts the cluster's processes; [Cluster.AwaitFormed] waits until they have
// found each other. Whatever goes wrong, including a cancelled context and a panic,
// everything made so far is removed before Start returns. An error wraps
// scenarios.ErrUnavailable where Docker or an image is missing.
func Start(ctx context.Context, opt Options) (_ *Cluster, err error) {
	opt, err = opt.withDefaults()
	if err != nil {
		return nil, err
	}
	docker, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		opt: opt, runID: newRunID(), docker: docker, log: opt.Log,
		Set: links.NewSet(), byName: map[string]*node{}, urls: map[links.Key]string{},
	}
	c.labels = runLabels(c.runID, opt.ClusterName)
	c.deaths = watchDeaths(ctx, docker, c.runID)
	started := false
	defer func() {
		if started {
			return
		}
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, c.Close(closeCtx))
	}()
	if c.es, err = findImage(ctx, docker, esChoice.prefer(opt.ESImage)); err != nil {
		return nil, err
	}
	if c.proxy, err = findImage(ctx, docker, proxyChoice.prefer(opt.ProxyImage)); err != nil {
		return nil, err
	}
	c.interrupted = true
	if err = c.build(ctx); err != nil {
		return nil, err
	}
	c.interrupted = false
	started = true
	return c, nil
}

// build makes network, namespaces, links and nodes, in this order: a node needs the
// addresses of all the others in its configuration.
func (c *Cluster) build(ctx context.Context) error {
	begin := time.Now()
	c.opt.Progress(fmt.Sprintf("starting %d Elasticsearch nodes in containers (%s, %s)", len(c.opt.Nodes), c.es.name, c.proxy.name))
	if err := c.createNetwork(ctx); err != nil {
		return err
	}
	for i, spec := range c.opt.Nodes {
		n := &node{spec: spec, index: i + 1}
		c.nodes = append(c.nodes, n)
		c.byName[spec.Name] = n
	}
	if err := c.createRepos(ctx); err != nil {
		return err
	}
	if err := c.eachNode(ctx, c.startNamespace); err != nil {
		return err
	}
	if err := c.eachNode(ctx, c.createNodeLinks); err != nil {
		return err
	}
	viewers, err := links.Serve()
	if err != nil {
		return err
	}
	c.viewers = viewers
	if err := c.createViewerLinks(); err != nil {
		return err
	}
	if err := c.eachNode(ctx, c.startNode); err != nil {
		return err
	}
	c.log.Info("containers started", "run", c.runID, "nodes", len(c.nodes), "took", time.Since(begin))
	return nil
}

// prompt are the nodes that are started with the cluster.
func (c *Cluster) prompt() []*node {
	var out []*node
	for _, n := range c.nodes {
		if !n.spec.Late {
			out = append(out, n)
		}
	}
	return out
}

// eachNode does something for all nodes at the same time.
func (c *Cluster) eachNode(ctx context.Context, do func(context.Context, *node) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.nodes {
		group.Go(func() error {
			if err := do(ctx, n); err != nil {
				return fmt.Errorf("node %s: %w", n.spec.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// node returns a node by name.
func (c *Cluster) node(name string) (*node, error) {
	n, ok := c.byName[name]
	if !ok {
		return nil, fmt.Errorf("no node %q in this cluster (%v)", name, c.NodeNames())
	}
	return n, nil
}

// NodeNames are the names of the nodes in the order of the options.
func (c *Cluster) NodeNames() []string {
	names := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		names[i] = n.spec.Name
	}
	return names
}

// RunID is the value of the label on everything this cluster has made.
func (c *Cluster) RunID() string { return c.runID }

// Images are the names of the images in use; local tells whether Elasticsearch's was
// assembled on this machine instead of being the official one.
func (c *Cluster) Images() (elasticsearch, proxy string, local bool) {
	return c.es.name, c.proxy.name, c.es.local
}

// DirectURL is a node's HTTP address for the harness's own observer: it passes no proxy.
// It is "" for a node that does not exist.
func (c *Cluster) DirectURL(name string) string {
	n, ok := c.byName[name]
	if !ok {
		return ""
	}
	return "http://" + n.http
}

// URL is a node's HTTP address for a viewer; it leads over that viewer's links. It is
// "" for a viewer or node that does not exist.
func (c *Cluster) URL(viewer, name string) string { return c.urls[links.Key{From: viewer, To: name}] }

var (
	_ chaos.Links     = (*Cluster)(nil)
	_ chaos.Processes = (*Cluster)(nil)
	_ chaos.Disks     = (*Cluster)(nil)
)
