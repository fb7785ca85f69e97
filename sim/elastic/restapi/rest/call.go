package rest

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Route is a handler and where it stands.
type Route struct {
	// On lists "METHOD /path/{part}".
	On []string
	// Prepare reads parameters and body, raising errors, and returns what to do.
	// It must not wait.
	Prepare func(r *Request) Action
	// Rendering names parameters that the answer's writer reads.
	Rendering []string
	// Modules: only nodes of the default distribution have it.
	Modules bool
	// Bulk: the body is a sequence of JSON values.
	Bulk bool
}

// Action does the work on a node. It may wait.
type Action func(c *Call) *Response

// Call is a request being answered.
type Call struct {
	Cluster *elastic.Cluster
	Cache   *Cache
	// Published are the addresses at which nodes are served to clients outside, by name; one
	// that is not there publishes its own.
	Published map[string]string
	Ctx       context.Context
	Node      *elastic.Node
	Req       *Request
}

// Response is what an action answers: JSON, or text.
type Response struct {
	Status  int
	JSON    []byte
	Text    []byte
	Headers []elastic.Field
}

// Gone carries an error that ends the call without an answer.
type Gone struct{ Err error }

// Check raises an error of the model as the answer; when the node died or the
// process was stopped there is nobody to answer.
func (c *Call) Check(err error) {
	switch {
	case err == nil:
	case elastic.IsNodeGone(err) || c.Ctx.Err() != nil:
		panic(Gone{err})
	default:
		Raise(elastic.AsError(err))
	}
}

// Now is virtual time since the start of the run.
func (c *Call) Now() time.Duration { return time.Duration(c.Cluster.Engine().Now()) }

// Wall is the wall clock of the simulated world.
func (c *Call) Wall() time.Time { return c.Cluster.Engine().Wall() }

func (c *Call) Sleep(d time.Duration) { c.Check(c.Cluster.Engine().Sleep(c.Ctx, d)) }

// State is the master's applied state, or with local the node's own.
func (c *Call) State(local bool, masterTimeout time.Duration) *state.State {
	st, err := c.Node.ReadState(c.Ctx, local, masterTimeout)
	c.Check(err)
	return st
}

// Allocations is what the master makes of the nodes' copies; empty without a master.
func (c *Call) Allocations(masterTimeout time.Duration) map[string]reroute.NodeAllocation {
	if c.Node.Applied().Master == "" {
		return nil
	}
	out, err := reroute.NodeAllocations(c.Node, c.Ctx, masterTimeout)
	if err != nil && (elastic.IsNodeGone(err) || c.Ctx.Err() != nil) {
		panic(Gone{err})
	}
	return out
}

// FanOut asks nodes at once; what failed is counted and left out.
func FanOut[T any](c *Call, targets []*state.Node, timeout time.Duration, question elastic.Question[T]) (ok []elastic.NodeResult[T], failures []*elastic.Error) {
	for _, r := range elastic.FanOut(c.Ctx, c.Node, targets, timeout, question) {
		if r.Err == nil {
			ok = append(ok, r)
			continue
		}
		if c.Ctx.Err() != nil {
			panic(Gone{c.Ctx.Err()})
		}
		failures = append(failures, elastic.AsError(r.Err))
	}
	return ok, failures
}

// WriteNodesHeader writes "_nodes" of an answer gathered from nodes.
func WriteNodesHeader(w *Writer, total int, failures []*elastic.Error) {
	w.Object("_nodes")
	w.Int("total", total)
	w.Int("successful", total-len(failures))
	w.Int("failed", len(failures))
	if len(failures) > 0 {
		w.Array("failures")
		for _, f := range failures {
			w.Obj()
			WriteException(w, f, false, true)
			w.End()
		}
		w.End()
	}
	w.End()
}

// Acknowledged is the answer of most changes.
func Acknowledged(acked bool) *Response {
	w := NewWriter(false)
	w.Obj()
	w.Bool("acknowledged", acked)
	w.End()
	return &Response{JSON: w.Bytes()}
}
