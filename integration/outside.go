package integration

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/shardquake/shardquake/integration/guard"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/machine"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
)

// addresses are where the nodes of a cluster are reached.
type addresses interface {
	NodeNames() []string
	// DirectURL is a node's address for the observer, URL that for a viewer.
	DirectURL(node string) string
	URL(viewer, node string) string
}

// outside is what every real cluster has beside its nodes, whoever started them: the clock,
// the observer's and the viewers' ways to the nodes, the load, and the leases.
type outside struct {
	at         addresses
	opt        scenarios.StartOptions
	clock      *guard.Clock
	keeper     *lease.Keeper // of what is in force
	rest       *restClient   // the harness's own, over no proxy
	transports map[string]http.RoundTripper
	traffic    *traffic
	load       *loadGenerator
	machine    *machine.Watch

	mu       sync.Mutex
	ahead    map[string]time.Duration // how far nodes' clocks are ahead of this machine's, of those that differ
	notes    []string
	stopping []func()
}

func newOutside(at addresses, viewers []string, opt scenarios.StartOptions, rest *restClient, transport func() http.RoundTripper) *outside {
	c := &outside{
		at: at, opt: opt, clock: guard.New(clock.NewReal(opt.Seed)), rest: rest,
		transports: map[string]http.RoundTripper{}, traffic: &traffic{}, machine: machine.Start(context.Background()),
	}
	c.onClose(c.machine.Stop)
	for _, viewer := range viewers {
		c.transports[viewer] = transport()
	}
	return c
}

// url is the observer's address of a node.
func (c *outside) url(node string) string { return c.at.DirectURL(node) }

// anyURL is the observer's address of the first node: for what is done while all live.
func (c *outside) anyURL() string { return c.url(c.Nodes()[0]) }

// Run implements [scenarios.Cluster].
func (c *outside) Run(ctx context.Context, main func(run, cleanup context.Context) error) error {
	return c.clock.Run(ctx, c.keeper.OnLost, main)
}

// Clock implements [scenarios.Cluster]: real endpoints outside the nodes share one.
func (c *outside) Clock(string) clock.Clock { return c.clock }

// Transport implements [es.Cluster].
func (c *outside) Transport(viewer string) http.RoundTripper { return c.transports[viewer] }

// URL implements [es.Cluster].
func (c *outside) URL(viewer, node string) string { return c.at.URL(viewer, node) }

// MachineBegin implements [scenarios.Watched].
func (c *outside) MachineBegin() { c.machine.Begin() }

// Nodes implements [scenarios.Cluster].
func (c *outside) Nodes() []string { return c.at.NodeNames() }

// Counters implements [scenarios.Cluster]: real runs have neither.
func (c *outside) Counters() (events, traceHash uint64) { return 0, 0 }

func (c *outside) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// clockAhead notes how far a node's clock is ahead of this machine's.
func (c *outside) clockAhead(node string, by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil {
		c.ahead = make(map[string]time.Duration)
	}
	c.ahead[node] = by
}

// toldBy is when something was by this machine's clock, of which a node told a time of its own.
func (c *outside) toldBy(node string, millis int64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.UnixMilli(millis).Add(-c.ahead[node])
}

// noted are the notes of this run.
func (c *outside) noted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.notes...)
}

// onClose registers what must end before the cluster is let go.
func (c *outside) onClose(stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = append(c.stopping, stop)
}

// stop ends what goes on outside the nodes. It may be called twice.
func (c *outside) stop() {
	c.mu.Lock()
	stopping := c.stopping
	c.stopping = nil
	c.mu.Unlock()
	for _, stop := range stopping {
		stop()
	}
	for _, t := range c.transports {
		(&http.Client{Transport: t}).CloseIdleConnections()
	}
	c.rest.close()
}
