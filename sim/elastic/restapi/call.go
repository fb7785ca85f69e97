package restapi

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// route is a handler and where it stands.
type route struct {
	// on lists "METHOD /path/{part}".
	on []string
	// prepare reads parameters and body, raising errors, and returns what to do.
	// It must not wait.
	prepare func(r *request) action
	// rendering names parameters that the answer's writer reads.
	rendering []string
	// bulk: the body is a sequence of JSON values.
	bulk bool
}

// action does the work on a node. It may wait.
type action func(c *call) *response

// call is a request being answered.
type call struct {
	cluster *elastic.Cluster
	cache   *cache
	ctx     context.Context
	node    *elastic.Node
	req     *request
}

// response is what an action answers: JSON, or text.
type response struct {
	status  int
	json    []byte
	text    []byte
	headers []elastic.Field
}

// gone carries an error that ends the call without an answer.
type gone struct{ err error }

// check raises an error of the model as the answer; when the node died or the
// process was stopped there is nobody to answer.
func (c *call) check(err error) {
	switch {
	case err == nil:
	case elastic.IsNodeGone(err) || c.ctx.Err() != nil:
		panic(gone{err})
	default:
		raise(elastic.AsError(err))
	}
}

// now is virtual time since the start of the run.
func (c *call) now() time.Duration { return time.Duration(c.cluster.Engine().Now()) }

// wall is the wall clock of the simulated world.
func (c *call) wall() time.Time { return c.cluster.Engine().Wall() }

func (c *call) sleep(d time.Duration) { c.check(c.cluster.Engine().Sleep(c.ctx, d)) }

// state is the master's applied state, or with local the node's own.
func (c *call) state(local bool, masterTimeout time.Duration) *state.State {
	st, err := c.node.ReadState(c.ctx, local, masterTimeout)
	c.check(err)
	return st
}

// allocations is what the master makes of the nodes' copies; empty without a master.
func (c *call) allocations(masterTimeout time.Duration) map[string]elastic.NodeAllocation {
	if c.node.Applied().Master == "" {
		return nil
	}
	out, err := c.node.NodeAllocations(c.ctx, masterTimeout)
	if err != nil && (elastic.IsNodeGone(err) || c.ctx.Err() != nil) {
		panic(gone{err})
	}
	return out
}

// fanOut asks nodes at once; what failed is counted and left out.
func fanOut[T any](c *call, targets []*state.Node, timeout time.Duration, f func(*elastic.Node) (T, error)) (ok []elastic.NodeResult[T], failures []*elastic.Error) {
	for _, r := range elastic.FanOut(c.ctx, c.node, targets, timeout, f) {
		if r.Err == nil {
			ok = append(ok, r)
			continue
		}
		if c.ctx.Err() != nil {
			panic(gone{c.ctx.Err()})
		}
		failures = append(failures, elastic.AsError(r.Err))
	}
	return ok, failures
}

// writeNodesHeader writes "_nodes" of an answer gathered from nodes.
func writeNodesHeader(w *jsonWriter, total int, failures []*elastic.Error) {
	w.object("_nodes")
	w.int("total", total)
	w.int("successful", total-len(failures))
	w.int("failed", len(failures))
	if len(failures) > 0 {
		w.array("failures")
		for _, f := range failures {
			w.obj()
			writeException(w, f, false, true)
			w.end()
		}
		w.end()
	}
	w.end()
}

// acknowledged is the answer of most changes.
func acknowledged(acked bool) *response {
	w := newJSON(false)
	w.obj()
	w.bool("acknowledged", acked)
	w.end()
	return &response{json: w.bytes()}
}
