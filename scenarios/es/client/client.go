package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Node is where a node answers, as the client sees it.
type Node struct{ Name, URL string }

// Config is how a client behaves.
type Config struct {
	Clock     clock.Clock
	Transport http.RoundTripper
	// Nodes are all that it may be told of, in order.
	Nodes []Node
	// Spec is the scenario's section, complete.
	Spec scenarios.ClientSection
}

// Client is a client at work. Its methods are for processes of its clock.
type Client struct {
	cfg Config

	mu    sync.Mutex // held for moments only, never while waiting
	pool  *pool
	fails int
}

// New makes a client.
func New(cfg Config) *Client {
	var given []Node
	for _, n := range cfg.Nodes {
		if len(cfg.Spec.Nodes) == 0 || slices.Contains(cfg.Spec.Nodes, n.Name) {
			given = append(given, n)
		}
	}
	return &Client{cfg: cfg, pool: newPool(given, *cfg.Spec.SetAside)}
}

// Result is what became of an operation.
type Result struct {
	// Cause is why it was not acknowledged, "" when it was.
	Cause observed.Cause
	// Node was asked last, Requests is how many there were.
	Node     string
	Requests int
	// Body is the answer to the last, nil for none.
	Body []byte
}

// Fate is the operation's.
func (r *Result) Fate() string {
	switch {
	case r.Cause == "":
		return observed.FateAcked
	case r.Cause.Certain():
		return observed.FateFailed
	}
	return observed.FateUnknown
}

// again are the statuses that are repeated on the next node.
var again = [...]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// Do sends a request, and again to the next nodes as often as the client repeats. An operation
// of which one request had no answer is not known to have failed, whatever the others were told.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body []byte) Result {
	limited, cancel := c.cfg.Clock.WithTimeout(ctx, c.cfg.Spec.Timeout.D())
	defer cancel()
	var r Result
	doubt := Result{}
	for try := 0; try <= *c.cfg.Spec.Retries; try++ {
		c.mu.Lock()
		m := c.pool.next(c.cfg.Clock.Monotonic())
		c.mu.Unlock()
		if m == nil {
			break
		}
		status, answer, err := Send(limited, c.cfg.Transport, m.Node, method, path, contentType, body)
		c.note(m, err)
		r = Result{Cause: Classify(status, answer, err), Node: m.Name, Requests: try + 1, Body: answer}
		if err != nil && ctx.Err() != nil {
			r.Cause = observed.CauseEnded
		}
		if r.Cause != "" && !r.Cause.Certain() && doubt.Cause == "" {
			doubt = r
		}
		if (err == nil && !slices.Contains(again[:], status)) || ctx.Err() != nil || limited.Err() != nil {
			break
		}
	}
	if r.Cause != "" && doubt.Cause != "" {
		r.Cause, r.Node = doubt.Cause, doubt.Node
	}
	return r
}

// note tells the pool whether a node answered.
func (c *Client) note(m *member, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.pool.answered(m)
		return
	}
	c.fails++
	c.pool.failed(m, c.cfg.Clock.Monotonic(), c.fails)
}

// Sniff asks the cluster which nodes there are, so often as the scenario says, until ctx ends.
func (c *Client) Sniff(ctx context.Context) {
	every := c.cfg.Spec.Sniff.D()
	for every > 0 && c.cfg.Clock.Sleep(ctx, every) == nil {
		r := c.Do(ctx, http.MethodGet, "/_nodes/http", jsonType, nil)
		var answer struct {
			Nodes map[string]struct {
				Name string `json:"name"`
			} `json:"nodes"`
		}
		if r.Cause != "" || json.Unmarshal(r.Body, &answer) != nil {
			continue
		}
		names := make(map[string]bool)
		for _, n := range answer.Nodes {
			names[n.Name] = true
		}
		var found []Node
		for _, n := range c.cfg.Nodes {
			if names[n.Name] {
				found = append(found, n)
			}
		}
		c.mu.Lock()
		c.pool.update(found)
		c.mu.Unlock()
	}
}

// Describe says in a line how the clients of a scenario behave.
func Describe(s *scenarios.ClientSection) string {
	if s == nil || s.Retries == nil || s.SetAside == nil { // not an Elasticsearch client's
		return ""
	}
	text := "round robin over all nodes"
	switch len(s.Nodes) {
	case 0:
	case 1:
		text = "one node, " + s.Nodes[0]
	default:
		text = fmt.Sprintf("round robin over %d nodes", len(s.Nodes))
	}
	if *s.SetAside && len(s.Nodes) != 1 {
		text += ", one that doesn't answer set aside for " + fmt.Sprint(asideFirst) + " and longer each time"
	}
	switch *s.Retries {
	case 0:
		text += ", nothing repeated"
	case 1:
		text += ", one retry"
	default:
		text += fmt.Sprintf(", %d retries", *s.Retries)
	}
	if s.Sniff > 0 {
		text += ", nodes asked for every " + s.Sniff.String()
	}
	return text + ", " + s.Timeout.String() + " for an operation"
}
