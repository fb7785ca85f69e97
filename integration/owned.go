package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/leased"
	"github.com/shardquake/shardquake/integration/own"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
)

// answerLimit is how long a node may take to answer before it counts as silent.
const answerLimit = 2 * time.Second

// identifyLimit bounds the questions who a node is.
const identifyLimit = 10 * time.Second

// OwnBackend runs scenarios on a cluster that is there already: a user's own, as a cluster
// file says. It starts nothing and removes nothing.
type OwnBackend struct {
	Config *own.Config
	// Transport presents the credentials.
	Transport http.RoundTripper
	Log       *slog.Logger // default: silent
}

var (
	_ scenarios.Backend = (*OwnBackend)(nil)
	_ es.Cluster        = (*ownCluster)(nil)
)

// Name implements [scenarios.Backend].
func (b *OwnBackend) Name() string { return "real" }

// Offers implements [scenarios.Backend].
func (b *OwnBackend) Offers(_ context.Context, spec scenarios.ClusterSpec) (chaos.Target, error) {
	if err := b.fits(spec); err != nil {
		return chaos.Target{}, err
	}
	t := own.NewFleet(b.Config, nil).Target()
	t.Settings = administrator{}
	return t, nil
}

// fits refuses a scenario of another cluster.
func (b *OwnBackend) fits(spec scenarios.ClusterSpec) error {
	if spec.System != "elasticsearch" {
		return fmt.Errorf("%w: a cluster file is of an Elasticsearch cluster, not of system %s", scenarios.ErrUnavailable, spec.System)
	}
	for _, n := range spec.Nodes {
		if b.Config.Nodes[n.Name] == nil {
			return fmt.Errorf("%w: node %s of the scenario is not in the cluster file; expected every node there, those that are only watched with http: alone", scenarios.ErrUnavailable, n.Name)
		}
	}
	return nil
}

// Start implements [scenarios.Backend]: it makes sure that the cluster is the one that is
// meant, and looks.
func (b *OwnBackend) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	if err := b.fits(spec); err != nil {
		return nil, err
	}
	c := &ownCluster{cfg: b.Config, spec: spec}
	c.outside = newOutside(c, spec.Viewers, opt, restOver(b.Transport), func() http.RoundTripper { return b.Transport })
	c.fleet = own.NewFleet(b.Config, eyes{c.outside})
	err := c.identify(ctx)
	if err == nil {
		err = c.beginJournal(ctx, b.Config.Name, agentHere)
	}
	if err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, aborted(ctx, errors.Join(err, c.Close(closing)))
	}
	return c, nil
}

// ownCluster is a user's own cluster as the runner sees it.
type ownCluster struct {
	*outside
	cfg     *own.Config
	fleet   *own.Fleet
	spec    scenarios.ClusterSpec
	version string
}

// NodeNames implements addresses: the nodes of the scenario, in its order.
func (c *ownCluster) NodeNames() []string {
	var names []string
	for _, n := range c.spec.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// DirectURL implements addresses.
func (c *ownCluster) DirectURL(node string) string {
	if n := c.cfg.Nodes[node]; n != nil {
		return strings.TrimRight(n.HTTP, "/")
	}
	return ""
}

// URL is the same for every viewer: nobody's way to the nodes is known better.
func (c *ownCluster) URL(_, node string) string { return c.DirectURL(node) }

// identify refuses what isn't the cluster that the file names, at every address that answers.
func (c *ownCluster) identify(ctx context.Context) error {
	answered := 0
	var last error
	for _, node := range c.Nodes() {
		limited, cancel := context.WithTimeout(ctx, identifyLimit)
		who, err := c.whoIs(limited, node)
		cancel()
		switch {
		case err != nil:
			c.note("node %s did not answer at the start: %v", node, err)
			last = err
			continue
		case who.cluster != c.cfg.Name || who.uuid != c.cfg.UUID:
			return fmt.Errorf("%w: %s is of cluster %s with UUID %s, and the cluster file names %s with %s", scenarios.ErrUnavailable, c.url(node), who.cluster, who.uuid, c.cfg.Name, c.cfg.UUID)
		case who.node != node:
			return fmt.Errorf("%w: %s is node %s, and the cluster file says %s", scenarios.ErrUnavailable, c.url(node), who.node, node)
		}
		c.version = who.version
		c.lookAtClock(ctx, node)
		answered++
	}
	if answered == 0 {
		return fmt.Errorf("%w: no node of the cluster answers: %w", scenarios.ErrUnavailable, last)
	}
	return nil
}

// identity is what a node says of itself.
type identity struct{ cluster, uuid, node, version string }

// whoIs asks a node for it, by its state and not by GET /, which a node may be built without.
func (c *ownCluster) whoIs(ctx context.Context, node string) (identity, error) {
	var state struct {
		Name string `json:"cluster_name"`
		UUID string `json:"cluster_uuid"`
	}
	var local struct {
		Nodes map[string]struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"nodes"`
	}
	err := c.rest.get(ctx, c.url(node)+"/_cluster/state/version?local=true&filter_path=cluster_name,cluster_uuid", &state)
	if err == nil {
		err = c.rest.get(ctx, c.url(node)+"/_nodes/_local?filter_path=nodes.*.name,nodes.*.version", &local)
	}
	who := identity{cluster: state.Name, uuid: state.UUID}
	for _, n := range local.Nodes {
		who.node, who.version = n.Name, n.Version
	}
	return who, err
}

// clockOff is from when on a node's clock counts as set otherwise than this machine's.
const clockOff = time.Second

// lookAtClock tells of a node whose clock differs from this machine's, and has what the node
// tells of times corrected by that.
func (c *ownCluster) lookAtClock(ctx context.Context, node string) {
	off, err := aheadOf(ctx, c.rest, c.url(node), c.clock.Now)
	if err != nil || off.Abs() <= clockOff {
		return
	}
	c.clockAhead(node, off)
	c.note("the clock of node %s is %s off from this machine's; times here are this machine's", node, off.Round(100*time.Millisecond))
}

// aheadOf measures how far a node's clock is ahead of this machine's: what it tells belongs to
// the middle between question and answer.
func aheadOf(ctx context.Context, rest *restClient, url string, now func() time.Time) (time.Duration, error) {
	var answer struct {
		Nodes map[string]struct {
			Timestamp int64 `json:"timestamp"`
		} `json:"nodes"`
	}
	begun := now()
	if err := rest.get(ctx, url+"/_nodes/_local/stats/process?filter_path=nodes.*.timestamp", &answer); err != nil {
		return 0, err
	}
	here := begun.Add(now().Sub(begun) / 2)
	for _, n := range answer.Nodes {
		return time.UnixMilli(n.Timestamp).Sub(here), nil
	}
	return 0, errors.New("the node tells no time")
}

// agentHere starts the agent of the leases as a process of this machine.
func agentHere(ctx context.Context) (*lease.Remote, error) {
	command, err := lease.Command()
	if err != nil {
		return nil, err
	}
	return lease.Spawn(ctx, command, lease.DefaultTTL)
}

// Target implements [scenarios.Cluster].
func (c *ownCluster) Target() chaos.Target {
	t := c.fleet.Target()
	t.Settings = administrator{ownNodes{c, c.fleet}, c.outside}
	return leased.Target(t, ownSteps{c.fleet, c}, c.keeper)
}

// ownNodes are the addresses and the states of the nodes.
type ownNodes struct {
	*ownCluster
	fleet *own.Fleet
}

func (n ownNodes) State(ctx context.Context, node string) (chaos.ProcessState, error) {
	return n.fleet.State(ctx, node)
}

// ownSteps are how things are undone, settings included.
type ownSteps struct {
	*own.Fleet
	c *ownCluster
}

// OfSettings implements [leased.Steps]. Credentials don't go into a journal: where the cluster
// asks for them, the step is refused and told.
func (s ownSteps) OfSettings(of chaos.Scope, before map[string]string) []journal.Step {
	method, path, body := settingsRequest(of, before)
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // texts by texts always can be written
	}
	r := &journal.Request{Method: method, Body: string(text)}
	for _, n := range s.c.Nodes() {
		r.URLs = append(r.URLs, s.c.url(n)+path)
	}
	return []journal.Step{{Request: r}}
}

// LoadData implements [es.Cluster]: the data is there.
func (c *ownCluster) LoadData(context.Context, []es.IndexSpec) error { return nil }

// Release implements [es.Cluster]: nothing was held.
func (c *ownCluster) Release(context.Context) error { return nil }

// Notes implements [scenarios.Cluster].
func (c *ownCluster) Notes() []string {
	out := []string{fmt.Sprintf("Elasticsearch %s, a cluster that was there before: %s (%s)", c.version, c.cfg.Name, c.cfg.UUID)}
	if c.version != modelled {
		out = append(out, fmt.Sprintf("what was predicted is of Elasticsearch %s", modelled))
	}
	return append(out, c.noted()...)
}

// modelled is the version that the simulator decides as.
const modelled = "8.19.0"

// Close implements [scenarios.Cluster]. The cluster stays: what is still in force is undone.
func (c *ownCluster) Close(ctx context.Context) error {
	c.stop()
	return errors.Join(c.keeper.UndoOpen(ctx), c.keeper.Close(ctx))
}

// eyes see what nodes answer.
type eyes struct{ c *outside }

// Answers implements [own.Eyes].
func (e eyes) Answers(ctx context.Context, node string) chaos.ProcessState {
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	err := e.c.rest.get(limited, e.c.url(node)+"/_nodes/_local/process?filter_path=nodes.*.name", nil)
	var status *statusError
	var network net.Error
	switch {
	case err == nil, errors.As(err, &status):
		return chaos.Running
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return chaos.Paused
	}
	return chaos.Exited
}

// Usage implements [own.Eyes].
func (e eyes) Usage(ctx context.Context, node string) (chaos.DiskUsage, error) {
	var answer struct {
		Nodes map[string]struct {
			FS struct {
				Total struct {
					Total     int64 `json:"total_in_bytes"`
					Available int64 `json:"available_in_bytes"`
				} `json:"total"`
			} `json:"fs"`
		} `json:"nodes"`
	}
	if err := e.c.rest.get(ctx, e.c.url(node)+"/_nodes/_local/stats/fs?filter_path=nodes.*.fs.total", &answer); err != nil {
		return chaos.DiskUsage{}, err
	}
	for _, n := range answer.Nodes {
		return chaos.DiskUsage{Used: n.FS.Total.Total - n.FS.Total.Available, Total: n.FS.Total.Total}, nil
	}
	return chaos.DiskUsage{}, fmt.Errorf("node %s tells no disk", node)
}

// Picture is the cluster now, as some node shows it, for the limits of the cluster file.
func (b *OwnBackend) Picture(ctx context.Context) (own.Picture, error) {
	rest, last := restOver(b.Transport), error(nil)
	for _, name := range own.NewFleet(b.Config, nil).Nodes() {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		p, err := pictureOf(limited, rest, strings.TrimRight(b.Config.Nodes[name].HTTP, "/"), b.Config.Zone)
		cancel()
		if err == nil {
			return p, nil
		}
		last = err
	}
	return own.Picture{}, fmt.Errorf("looking at the cluster: %w", last)
}

func pictureOf(ctx context.Context, rest *restClient, url, zone string) (own.Picture, error) {
	var state struct {
		Nodes map[string]struct {
			Name       string            `json:"name"`
			Attributes map[string]string `json:"attributes"`
		} `json:"nodes"`
		Metadata struct {
			Coordination struct {
				Voters []string `json:"last_committed_config"`
			} `json:"cluster_coordination"`
		} `json:"metadata"`
		Routing struct {
			Indices map[string]struct {
				Shards map[string][]shardAnswer `json:"shards"`
			} `json:"indices"`
		} `json:"routing_table"`
	}
	query := "/_cluster/state/nodes,routing_table,metadata?filter_path=nodes.*.name,nodes.*.attributes,routing_table,metadata.cluster_coordination"
	if err := rest.get(ctx, url+query, &state); err != nil {
		return own.Picture{}, err
	}
	p := own.Picture{Zones: map[string]string{}}
	for _, n := range state.Nodes {
		p.Members = append(p.Members, n.Name)
		if z := n.Attributes[zone]; z != "" {
			p.Zones[n.Name] = z
		}
	}
	slices.Sort(p.Members)
	for _, id := range state.Metadata.Coordination.Voters {
		if n, here := state.Nodes[id]; here {
			id = n.Name
		}
		p.Voters = append(p.Voters, id)
	}
	for _, index := range state.Routing.Indices {
		for _, copies := range index.Shards {
			for _, s := range copies {
				started := s.State == "STARTED" || s.State == "RELOCATING"
				p.Copies = append(p.Copies, own.Copy{Index: s.Index, Shard: s.Shard, Node: state.Nodes[s.Node].Name, Started: started})
			}
		}
	}
	slices.SortFunc(p.Copies, own.ByShard)
	return p, nil
}

// SnapshotAge is how long ago the last successful snapshot ended, of all repositories; false
// where there is none.
func (b *OwnBackend) SnapshotAge(ctx context.Context, now time.Time) (time.Duration, bool, error) {
	rest, last := restOver(b.Transport), error(nil)
	for _, name := range own.NewFleet(b.Config, nil).Nodes() {
		var answer struct {
			Snapshots []struct {
				State string `json:"state"`
				End   int64  `json:"end_time_in_millis"`
			} `json:"snapshots"`
		}
		url := strings.TrimRight(b.Config.Nodes[name].HTTP, "/") + "/_snapshot/_all/_all?sort=start_time&order=desc&size=100&filter_path=snapshots.state,snapshots.end_time_in_millis"
		if last = rest.get(ctx, url, &answer); last != nil {
			continue
		}
		for _, s := range answer.Snapshots {
			if s.State != "SUCCESS" {
				continue
			}
			// The time is the cluster's own.
			ahead, err := aheadOf(ctx, rest, strings.TrimRight(b.Config.Nodes[name].HTTP, "/"), time.Now)
			if err != nil {
				return 0, false, fmt.Errorf("asking node %s for its time: %w", name, err)
			}
			return now.Add(ahead).Sub(time.UnixMilli(s.End)), true, nil
		}
		return 0, false, nil
	}
	return 0, false, fmt.Errorf("asking for snapshots: %w", last)
}
