package coordination

import "github.com/shardquake/shardquake/sim/elastic/state"

// connections are the nodes that one is connected to, as of the handshake. In a cluster that
// starts formed everybody is connected to everybody: kept by each node that alone would grow
// with the square of their number, so all share the state that they formed with, and each
// keeps only what changed since.
type connections struct {
	formed  *state.State           // nil where the cluster was not formed
	changed map[string]*state.Node // by id; nil: no longer connected
}

// to returns the node with an id as it was at the handshake, or nil.
func (c *connections) to(id string) *state.Node {
	if n, ok := c.changed[id]; ok {
		return n
	}
	if c.formed == nil {
		return nil
	}
	return c.formed.Node(id)
}

// set says who was met under an id; nil: the connection is gone.
func (c *connections) set(id string, n *state.Node) {
	if n == nil && c.formed == nil {
		delete(c.changed, id)
		return
	}
	if c.changed == nil {
		c.changed = make(map[string]*state.Node)
	}
	c.changed[id] = n
}
