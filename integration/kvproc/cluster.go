package kvproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/links"
	"github.com/shardquake/shardquake/internal/loopback"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const (
	folderPrefix = "shardquake-kv-"
	ownerFile    = "owner" // in a cluster's folder: the number of the process that made it
	bookFile     = "book.json"
	logFile      = "log"
	ballastFile  = "ballast"

	defaultDisk  = 256 << 20
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

// NodeSpec describes a node.
type NodeSpec struct {
	Name string
	Zone string
	Disk int64 // bytes; 256 MiB unless set, at least 16 MiB
	Late bool  // not started with the cluster
}

// Options describe a cluster.
type Options struct {
	// Command runs shardquake; without, the one that the environment names does, or this
	// process's own executable.
	Command []string
	// Nodes, the first of which makes the cluster.
	Nodes []NodeSpec
	// Viewers are endpoints beside the nodes, with links of their own.
	Viewers []string
	// Heartbeat and Replicas are settings of the cluster; 0 for the defaults, 5 s and 3.
	Heartbeat time.Duration
	Replicas  int
	// ManualBalance turns splits, merges and moves by size and load off.
	ManualBalance bool
	// OnEvent is told what happens on a node, in the process of it that has this number; nil:
	// nobody is. It may be called by several goroutines.
	OnEvent func(name string, life int, e node.Event)
}

// Cluster is a running cluster. Its methods may be used by several goroutines.
type Cluster struct {
	*links.Set
	opt    Options
	server *links.Server
	folder string
	nodes  map[string]*process
	names  []string
	books  map[string]tcp.Book // by viewer, nodes included
}

var (
	_ chaos.Links     = (*Cluster)(nil)
	_ chaos.Processes = (*Cluster)(nil)
	_ chaos.Disks     = (*Cluster)(nil)
)

// Start starts the processes of a cluster and returns when they listen. [Cluster.Await]
// waits until they are one cluster.
func Start(ctx context.Context, opt Options) (*Cluster, error) {
	c := &Cluster{Set: links.NewSet(), opt: opt, nodes: make(map[string]*process), books: make(map[string]tcp.Book)}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	var err error
	if err := c.check(); err != nil {
		return err
	}
	if c.folder, err = os.MkdirTemp("", folderPrefix); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.folder, ownerFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	if c.server, err = links.Serve(); err != nil {
		return err
	}
	host, err := loopback.Host()
	if err != nil {
		return err
	}
	if err := c.lay(host); err != nil {
		return err
	}
	for _, n := range c.opt.Nodes {
		if n.Late {
			continue
		}
		if err := c.Start(ctx, n.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) check() error {
	if len(c.opt.Command) == 0 {
		command, err := lease.Command()
		if err != nil {
			return err
		}
		c.opt.Command = []string{command}
	}
	if len(c.opt.Nodes) == 0 || c.opt.Nodes[0].Late {
		return errors.New("kvproc: a cluster needs a node to begin with")
	}
	seen := make(map[string]bool)
	for i := range c.opt.Nodes {
		n := &c.opt.Nodes[i]
		if n.Name == "" || seen[n.Name] {
			return fmt.Errorf("kvproc: a second node %q, or one without a name", n.Name)
		}
		seen[n.Name] = true
		if n.Disk == 0 {
			n.Disk = defaultDisk
		}
		c.names = append(c.names, n.Name)
	}
	for _, v := range c.opt.Viewers {
		if seen[v] {
			return fmt.Errorf("kvproc: viewer %q is called like another endpoint", v)
		}
		seen[v] = true
	}
	return nil
}

// lay gives every node an address and makes all links.
func (c *Cluster) lay(host string) error {
	direct := make(tcp.Book)
	addresses, release, err := loopback.Addresses(host, len(c.opt.Nodes))
	if err != nil {
		return err
	}
	defer release() // at the end, so that no link gets the port of a node
	for i, n := range c.opt.Nodes {
		direct[n.Name] = addresses[i]
	}
	c.books[""] = direct
	for _, from := range append(append([]string{}, c.names...), c.opt.Viewers...) {
		book := make(tcp.Book)
		for _, to := range c.names {
			if to == from {
				book[to] = direct[to]
				continue
			}
			address, err := c.Add(c.server.Client, links.Key{From: from, To: to}, net.JoinHostPort(host, "0"), direct[to])
			if err != nil {
				return err
			}
			book[to] = address
		}
		c.books[from] = book
	}
	for i := range c.opt.Nodes {
		if err := c.prepare(&c.opt.Nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes a node's folders and its address book.
func (c *Cluster) prepare(spec *NodeSpec) error {
	folder := filepath.Join(c.folder, spec.Name)
	p := &process{name: spec.Name, folder: folder, data: filepath.Join(folder, "data"), disk: spec.Disk, happened: c.opt.OnEvent}
	if p.happened == nil {
		p.happened = func(string, int, node.Event) {}
	}
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return err
	}
	book, err := json.Marshal(c.books[spec.Name])
	if err != nil {
		return err
	}
	path := filepath.Join(folder, bookFile)
	if err := os.WriteFile(path, book, 0o600); err != nil {
		return err
	}
	p.command = append(append([]string{}, c.opt.Command...), "kv", "node", "--id", spec.Name, "--book", path, "--data", p.data,
		"--json-events", "--disk-limit", strconv.FormatInt(spec.Disk, 10)+"b")
	if spec.Zone != "" {
		p.command = append(p.command, "--zone", spec.Zone)
	}
	if !spec.Late {
		p.command = append(p.command, "--bootstrap", "--founders", strings.Join(c.founders(), ","))
		if c.opt.Heartbeat > 0 {
			p.command = append(p.command, "--heartbeat", c.opt.Heartbeat.String())
		}
		if c.opt.Replicas > 0 {
			p.command = append(p.command, "--replicas", strconv.Itoa(c.opt.Replicas))
		}
		if c.opt.ManualBalance {
			p.command = append(p.command, "--manual-balance")
		}
	}
	c.nodes[spec.Name] = p
	return nil
}

// founders are the nodes that the cluster begins with.
func (c *Cluster) founders() (names []string) {
	for _, n := range c.opt.Nodes {
		if !n.Late {
			names = append(names, n.Name)
		}
	}
	return names
}

// Names are the nodes, in the order of the description.
func (c *Cluster) Names() []string { return c.names }

// Config is what a viewer, or a node's place in the network, needs to connect to the nodes
// over its links.
func (c *Cluster) Config(viewer string) tcp.Config {
	return tcp.Config{Name: viewer, Book: c.books[viewer]}
}

// Direct is what an observer needs to connect to the nodes over no link.
func (c *Cluster) Direct() tcp.Config { return tcp.Config{Name: "observer", Book: c.books[""]} }

// ClusterState asks the metadata group for the cluster's state, over no link. It is an
// error if only nodes that know no leader answer.
func (c *Cluster) ClusterState(ctx context.Context) (*wire.AdminResult, error) {
	client := tcp.NewClient(c.Direct())
	defer client.Close()
	r, err := client.Command(ctx, wire.Command{Kind: wire.GetState})
	if err != nil {
		return nil, err
	}
	if r.State == nil || len(r.Health) == 0 {
		return nil, fmt.Errorf("no state of a leader: %v: %s", r.Status, r.Reason)
	}
	return r, nil
}

// Await waits until every node that runs has joined, every shard has its copies on them,
// as far as there are enough, all in sync, and the metadata group its voters: any one of
// them may be lost then.
func (c *Cluster) Await(ctx context.Context) error {
	var last error
	for ctx.Err() == nil {
		r, err := c.ClusterState(ctx)
		if err == nil {
			err = c.settled(r)
		}
		if err == nil {
			return nil
		}
		last = err
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("waiting for the cluster: %w", errors.Join(ctx.Err(), last))
}

// settled returns what is not as Await wants it.
func (c *Cluster) settled(r *wire.AdminResult) error {
	running, voters := 0, 0
	for _, n := range c.names {
		if c.nodes[n].alive() {
			running++
		}
	}
	up := make(map[string]bool)
	for i := range r.State.Members {
		m := &r.State.Members[i]
		if m.State != wire.Removed && !m.Down {
			up[string(m.ID)] = true
			if m.Role == wire.Voter {
				voters++
			}
		}
	}
	if len(up) < running || voters < min(running, int(r.State.Settings.Voters)) {
		return fmt.Errorf("%d of %d nodes are there, %d vote", len(up), running, voters)
	}
	for i := range r.State.Shards {
		s := &r.State.Shards[i]
		want := min(running, int(r.State.Settings.Replicas))
		if len(s.Replicas) < want || len(s.Fence) > 0 || inSync(r, string(s.ID), string(s.Primary)) < want {
			return fmt.Errorf("shard %s has %d copies, not all in sync", s.ID, len(s.Replicas))
		}
	}
	return nil
}

// inSync is how many copies take part, as the shard's primary reports.
func inSync(r *wire.AdminResult, shard, primary string) int {
	for i := range r.Health {
		if string(r.Health[i].Node) != primary {
			continue
		}
		for _, copy := range r.Health[i].Copies {
			if string(copy.Shard) == shard && copy.Acting {
				return len(copy.InSync)
			}
		}
	}
	return 0
}

// Close ends all processes and removes everything. It may be called twice.
func (c *Cluster) Close() error {
	var errs []error
	for _, name := range c.names {
		if p := c.nodes[name]; p != nil {
			errs = append(errs, p.kill())
		}
	}
	if c.server != nil {
		errs = append(errs, c.server.Close())
	}
	if c.folder != "" {
		errs = append(errs, os.RemoveAll(c.folder))
	}
	return errors.Join(errs...)
}

// Clean removes the folders of clusters whose processes are gone, and returns them.
func Clean() ([]string, error) {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return nil, err
	}
	var removed []string
	var errs []error
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, ownerFile))
		if err != nil {
			continue // being made, or not ours
		}
		owner, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || exists(owner) {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, folder)
	}
	return removed, errors.Join(errs...)
}
