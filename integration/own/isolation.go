package own

import (
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// Isolation is the fleet's links: a node that is cut from every other node of the cluster in
// both directions is isolated, by the action of that name. Cuts that come to less do nothing, which a
// rehearsal refuses.
type Isolation struct{ *Fleet }

var _ chaos.Links = Isolation{}

// SupportsShape implements [chaos.Links].
func (Isolation) SupportsShape(chaos.Shape) error {
	return fmt.Errorf("links between nodes of a cluster of one's own can't be slowed")
}

// Shape implements [chaos.Links].
func (i Isolation) Shape(context.Context, string, string, chaos.Shape) error {
	return i.SupportsShape(chaos.Shape{})
}

// Unshape implements [chaos.Links].
func (Isolation) Unshape(context.Context, string, string) error { return nil }

// Cut implements [chaos.Links]: the node is isolated with the last of its cuts.
func (i Isolation) Cut(ctx context.Context, from, to string, mode chaos.CutMode) error {
	if i.actions[from][Isolate] == nil && i.actions[to][Isolate] == nil {
		return fmt.Errorf("cutting %s→%s: %w", from, to, errNoLinks)
	}
	i.mu.Lock()
	i.cuts[[2]string{from, to}] = mode
	var ready []string
	for _, node := range []string{from, to} {
		if i.actions[node][Isolate] != nil && !i.isolated[node] && i.alone(node) {
			ready = append(ready, node)
		}
	}
	i.mu.Unlock()
	// Of two nodes that are cut from each other and nobody else one is enough.
	for _, node := range ready[:min(1, len(ready))] {
		if err := i.isolate(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// alone reports whether a node is to be cut from all others. The lock is held.
func (f *Fleet) alone(node string) bool {
	for other := range f.cfg.Nodes {
		if other == node {
			continue
		}
		if f.cuts[[2]string{node, other}] == chaos.Whole || f.cuts[[2]string{other, node}] == chaos.Whole {
			return false
		}
	}
	return true
}

func (f *Fleet) isolate(ctx context.Context, node string) error {
	a, err := f.action(node, Isolate)
	if err != nil {
		return err
	}
	return limited(ctx, a, func(ctx context.Context) error {
		if _, err := f.run(ctx, Call{node, Isolate, Do, a.Do}); err != nil {
			return fmt.Errorf("isolating node %s: %w", node, err)
		}
		f.mu.Lock()
		f.isolated[node] = true
		f.mu.Unlock()
		return until(ctx, "node "+node+" is not isolated", func() bool {
			is, known := f.inForce(ctx, node, Isolate)
			return is || !known
		})
	})
}

// Mend implements [chaos.Links]: the first link that is whole again ends the isolation.
func (i Isolation) Mend(ctx context.Context, from, to string) error {
	i.mu.Lock()
	delete(i.cuts, [2]string{from, to})
	var over []string
	for _, node := range []string{from, to} {
		if i.isolated[node] {
			over = append(over, node)
		}
	}
	i.mu.Unlock()
	for _, node := range over {
		a, err := i.action(node, Isolate)
		if err != nil {
			return err
		}
		err = limited(ctx, a, func(ctx context.Context) error {
			_, err := i.run(ctx, Call{node, Isolate, Undo, a.Undo})
			return err
		})
		if err != nil {
			return fmt.Errorf("ending the isolation of node %s: %w", node, err)
		}
		i.mu.Lock()
		delete(i.isolated, node)
		i.mu.Unlock()
	}
	return nil
}

// Probe implements [chaos.Links] by the action's probe, which sees whether the node is
// isolated; nobody stands inside the nodes who could send something.
func (i Isolation) Probe(ctx context.Context, from, to string) (chaos.LinkProbe, error) {
	begun := time.Now()
	for _, node := range []string{from, to} {
		if i.actions[node][Isolate] == nil {
			continue
		}
		is, known := i.inForce(ctx, node, Isolate)
		if !known {
			i.mu.Lock()
			is = i.isolated[node]
			i.mu.Unlock()
		}
		if is {
			return chaos.LinkProbe{State: chaos.Blackhole}, nil
		}
	}
	return chaos.LinkProbe{State: chaos.Whole, RoundTrip: time.Since(begun)}, nil
}
