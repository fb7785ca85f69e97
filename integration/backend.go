package integration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/leased"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// maxDisk is the largest disk of a real node. It lives in memory: a scenario of
// terabytes must not fill it.
const maxDisk = 8 << 30

// Backend runs scenarios on containers.
type Backend struct {
	// ESImage and ProxyImage override the environment and the defaults.
	ESImage, ProxyImage string
	Log                 *slog.Logger // default: silent
}

var (
	_ scenarios.Backend = (*Backend)(nil)
	_ scenarios.Cluster = (*realCluster)(nil)
)

// Name implements [scenarios.Backend].
func (b *Backend) Name() string { return "real" }

// Capabilities are what containers offer to faults, wherever they can run.
func Capabilities() chaos.Target { return targetOf(&Cluster{}, nil) }

// Offers implements [scenarios.Backend]. Its error says why no cluster can be started here.
func (b *Backend) Offers(ctx context.Context, spec scenarios.ClusterSpec) (chaos.Target, error) {
	if err := inPlace(spec); err != nil {
		return chaos.Target{}, err
	}
	es, err := b.available(ctx)
	if err != nil {
		return chaos.Target{}, err
	}
	t := Capabilities()
	t.XPack = !es.local
	return t, nil
}

// imageVersion is what the nodes of the images run.
const imageVersion = "8.19.0"

// inPlace refuses a cluster that is described copy by copy, has another time or other versions.
func inPlace(spec scenarios.ClusterSpec) error {
	given := es.DescriptionOf(spec).Formed != nil
	for _, n := range spec.Nodes {
		if n.Version != "" && n.Version != imageVersion && !given {
			return fmt.Errorf("%w: %s is to run version %s, and containers run %s; expected --backend sim", scenarios.ErrUnavailable, n.Name, n.Version, imageVersion)
		}
	}
	if !given {
		return spec.OfThisMachine()
	}
	return fmt.Errorf("%w: containers can't start in a state that is given copy by copy, by copies: of an index or an imported cluster; expected --backend sim", scenarios.ErrUnavailable)
}

// Start implements [scenarios.Backend]: it returns when the nodes have formed a cluster.
func (b *Backend) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	if err := inPlace(spec); err != nil {
		return nil, err
	}
	nodeSettings, indexSettings := splitSettings(spec.Settings)
	options := Options{
		ESImage: b.ESImage, ProxyImage: b.ProxyImage, ClusterName: spec.Name, ClusterSettings: nodeSettings,
		Viewers: spec.Viewers,
		Log:     b.Log, Progress: func(s string) { opt.Progress("%s", s) },
	}
	for _, n := range spec.Nodes {
		options.Nodes = append(options.Nodes, containerNode(n))
	}
	containers, err := Start(ctx, options)
	if err != nil {
		return nil, aborted(ctx, err)
	}
	if _, _, local := containers.Images(); local && es.NeedsTiers(spec) {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err := fmt.Errorf("%w: the cluster has data tiers, which the nodes assembled on this machine don't decide by; expected the official image (%s), or distribution: minimal",
			scenarios.ErrUnavailable, OfficialESImage)
		return nil, errors.Join(err, containers.Close(closeCtx))
	}
	c := newRealCluster(containers, spec, opt, indexSettings)
	if err := c.beginJournal(ctx, spec.Name, containers.agent); err != nil {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, aborted(ctx, errors.Join(err, c.Close(closeCtx)))
	}
	if err := c.settle(ctx); err != nil {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, aborted(ctx, errors.Join(err, c.Close(closeCtx)))
	}
	return c, nil
}

// aborted marks the error of a start that was interrupted as that and nothing worse.
func aborted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w while the nodes started: %w", scenarios.ErrAborted, err)
}

// splitSettings parts what nodes are configured with from what belongs to indices.
func splitSettings(all map[string]string) (node, index map[string]string) {
	node, index = map[string]string{}, map[string]string{}
	for key, value := range all {
		if strings.HasPrefix(key, "index.") {
			index[key] = value
		} else {
			node[key] = value
		}
	}
	return node, index
}

func containerNode(n scenarios.NodeSpec) NodeSpec {
	out := NodeSpec{
		Name: n.Name, HeapMB: int(n.Heap >> 20), DiskBytes: min(n.Disk, maxDisk), Attributes: n.Attributes,
		Settings: map[string]string{}, Late: n.Late,
	}
	if len(n.Roles) > 0 {
		out.Settings["node.roles"] = strings.Join(n.Roles, ",")
	}
	return out
}

// realCluster is a cluster of containers as the runner sees it.
type realCluster struct {
	*outside
	containers    *Cluster
	spec          scenarios.ClusterSpec
	indexSettings map[string]string
	version       string
	held          bool // a transient setting holds placements

	rotten map[chaos.Damage]rotten // what was done to copies' files; guarded by mu
}

func newRealCluster(containers *Cluster, spec scenarios.ClusterSpec, opt scenarios.StartOptions, indexSettings map[string]string) *realCluster {
	return &realCluster{
		outside:    newOutside(containers, containers.opt.Viewers, opt, newRESTClient(), func() http.RoundTripper { return newTransport() }),
		containers: containers, spec: spec, indexSettings: indexSettings,
	}
}

// settle waits for the nodes and makes the dynamic settings persistent ones.
func (c *realCluster) settle(ctx context.Context) error {
	if err := c.containers.AwaitFormed(ctx); err != nil {
		if ctx.Err() == nil { // what doesn't form says nothing of the scenario, and is no defect
			err = fmt.Errorf("%w: %w", scenarios.ErrUnavailable, err)
		}
		return err
	}
	version, err := c.readVersion(ctx)
	if err != nil {
		return err
	}
	c.version = version
	return c.persistSettings(ctx)
}

// Machine implements [scenarios.Watched].
func (c *realCluster) Machine() observed.Machine {
	m := c.machine.Report()
	m.Died = c.containers.deaths.unplanned()
	return m
}

// Target implements [scenarios.Cluster].
func (c *realCluster) Target() chaos.Target {
	return leased.Target(targetOf(c.containers, c), undoing{c.containers}, c.keeper)
}

// Notes implements [scenarios.Cluster].
func (c *realCluster) Notes() []string {
	image, proxy, local := c.containers.Images()
	kind := "the official image"
	if local {
		kind = "assembled on this machine from Maven Central, without x-pack: the minimal distribution"
	}
	out := []string{
		fmt.Sprintf("Elasticsearch %s in containers: %s (%s), links through %s", c.version, image, kind, proxy),
		"latency, network and disk throughput and CPUs of the description are not reproduced: the nodes share this machine's",
	}
	if disk := c.spec.Nodes[0].Disk; disk > maxDisk {
		out = append(out, fmt.Sprintf("disks are %s instead of %s: they are held in memory", units.Size(maxDisk), units.Size(disk)))
	}
	if es.DescriptionOf(c.spec).Start == scenarios.StartFormed {
		out = append(out, "start: formed is for simulated clusters; these nodes have just been started")
	}
	return append(out, c.noted()...)
}

// Close implements [scenarios.Cluster].
func (c *realCluster) Close(ctx context.Context) error {
	c.stop()
	return errors.Join(c.keeper.Close(ctx), c.containers.Close(ctx))
}

// readVersion asks a node for its version.
func (c *realCluster) readVersion(ctx context.Context) (string, error) {
	var answer struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	if err := c.rest.get(ctx, c.anyURL()+"/_nodes/_local?filter_path=nodes.*.version", &answer); err != nil {
		return "", fmt.Errorf("asking for the version: %w", err)
	}
	for _, n := range answer.Nodes {
		return n.Version, nil
	}
	return "", fmt.Errorf("no node tells its version")
}

// settingInt is a number as a setting's value.
func settingInt(n int) string { return strconv.Itoa(n) }
