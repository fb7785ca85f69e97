package own

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
)

// lookEvery is the time between two looks whether an action has taken hold.
const lookEvery = 200 * time.Millisecond

// Eyes see what the nodes themselves show.
type Eyes interface {
	// Answers says what a node's HTTP API does: Running where it answers, Paused where it
	// takes connections and is silent, Exited where it refuses them.
	Answers(ctx context.Context, node string) chaos.ProcessState
	// Usage is how full a node's data disk is, as the node tells.
	Usage(ctx context.Context, node string) (chaos.DiskUsage, error)
}

// Phase is which of an action's commands is meant.
type Phase uint8

// The phases of an action.
const (
	Do Phase = iota
	Undo
	Probe
)

// Call is a command of an action.
type Call struct {
	Node, Kind string
	Phase      Phase
	Words      []string
}

// runner carries a call out and returns what it printed.
type runner func(ctx context.Context, c Call) (string, error)

// Fleet acts on the nodes of a cluster file, and only on those.
type Fleet struct {
	cfg     *Config
	actions map[string]map[string]*Action
	run     runner
	eyes    Eyes

	mu sync.Mutex
	// lost are the nodes whose process is not as it was, by the kind of action.
	lost map[string]string
	// cuts are the directed links that are to be cut, isolated the nodes that are for it.
	cuts     map[[2]string]chaos.CutMode
	isolated map[string]bool
	filled   map[string]int64
}

// NewFleet makes a fleet that runs commands on this machine.
func NewFleet(cfg *Config, eyes Eyes) *Fleet { return newFleet(cfg, eyes, runHere) }

func newFleet(cfg *Config, eyes Eyes, run runner) *Fleet {
	f := &Fleet{
		cfg: cfg, eyes: eyes, run: run, actions: map[string]map[string]*Action{},
		lost: map[string]string{}, cuts: map[[2]string]chaos.CutMode{}, isolated: map[string]bool{}, filled: map[string]int64{},
	}
	for name, n := range cfg.Nodes {
		f.actions[name] = n.Actions(name)
	}
	return f
}

func runHere(ctx context.Context, c Call) (string, error) {
	words := c.Words
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// Nodes are the names in the file, sorted.
func (f *Fleet) Nodes() []string { return slices.Sorted(maps.Keys(f.cfg.Nodes)) }

func (f *Fleet) action(node, kind string) (*Action, error) {
	if f.cfg.Nodes[node] == nil {
		return nil, fmt.Errorf("node %s is not in the cluster file, and is not touched", node)
	}
	a := f.actions[node][kind]
	if a == nil {
		return nil, fmt.Errorf("the cluster file has no way to %s node %s", kind, node)
	}
	return a, nil
}

// limited does something within an action's time.
func limited(ctx context.Context, a *Action, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.Within.D())
	defer cancel()
	return do(ctx)
}

// inForce asks an action's probe; known is false without one.
func (f *Fleet) inForce(ctx context.Context, node, kind string) (is, known bool) {
	a := f.actions[node][kind]
	if a == nil || len(a.Probe) == 0 {
		return false, false
	}
	out, err := f.run(ctx, Call{node, kind, Probe, a.Probe})
	return err == nil && strings.Contains(out, a.Shows), true
}

// until waits until a look is as wanted.
func until(ctx context.Context, what string, is func() bool) error {
	for !is() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(lookEvery):
		}
	}
	return nil
}

// lose does an action to a process and waits until it shows.
func (f *Fleet) lose(ctx context.Context, node, kind string) error {
	a, err := f.action(node, kind)
	if err != nil {
		return err
	}
	return limited(ctx, a, func(ctx context.Context) error {
		if _, err := f.run(ctx, Call{node, kind, Do, a.Do}); err != nil {
			return fmt.Errorf("%s node %s: %w", kind, node, err)
		}
		f.mu.Lock()
		f.lost[node] = kind
		f.mu.Unlock()
		err := until(ctx, fmt.Sprintf("node %s is not gone after %s", node, kind), func() bool {
			if is, known := f.inForce(ctx, node, kind); known {
				return is
			}
			return f.eyes.Answers(ctx, node) != chaos.Running
		})
		if err != nil { // it may take hold later, when nobody counts on it any more
			err = errors.Join(err, f.callOff(ctx, node, kind, a))
		}
		return err
	})
}

// callOff undoes an action that has not taken hold.
func (f *Fleet) callOff(ctx context.Context, node, kind string, a *Action) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Within.D())
	defer cancel()
	if _, err := f.run(ctx, Call{node, kind, Undo, a.Undo}); err != nil {
		return fmt.Errorf("calling off %s of node %s: %w", kind, node, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.lost, node)
	return nil
}

// back undoes what was done to a process and waits until that shows; that the node answers
// takes longer, and is not waited for where a probe tells of the process itself.
func (f *Fleet) back(ctx context.Context, node string, kinds ...string) error {
	f.mu.Lock()
	kind := f.lost[node]
	f.mu.Unlock()
	if !slices.Contains(kinds, kind) {
		kind = kinds[0]
	}
	a, err := f.action(node, kind)
	if err != nil {
		return err
	}
	return limited(ctx, a, func(ctx context.Context) error {
		if _, err := f.run(ctx, Call{node, kind, Undo, a.Undo}); err != nil {
			return fmt.Errorf("undoing %s of node %s: %w", kind, node, err)
		}
		err := until(ctx, fmt.Sprintf("node %s is not back after %s was undone", node, kind), func() bool {
			if is, known := f.inForce(ctx, node, kind); known {
				return !is
			}
			return f.eyes.Answers(ctx, node) == chaos.Running
		})
		if err != nil {
			return err
		}
		f.mu.Lock()
		delete(f.lost, node)
		f.mu.Unlock()
		return nil
	})
}

var (
	_ chaos.Processes = (*Fleet)(nil)
	_ chaos.Disks     = (*Fleet)(nil)
)

// Kill implements [chaos.Processes].
func (f *Fleet) Kill(ctx context.Context, node string) error { return f.lose(ctx, node, Kill) }

// Stop implements [chaos.Processes].
func (f *Fleet) Stop(ctx context.Context, node string) error { return f.lose(ctx, node, Stop) }

// Pause implements [chaos.Processes].
func (f *Fleet) Pause(ctx context.Context, node string) error { return f.lose(ctx, node, Pause) }

// Start implements [chaos.Processes].
func (f *Fleet) Start(ctx context.Context, node string) error { return f.back(ctx, node, Kill, Stop) }

// Resume implements [chaos.Processes].
func (f *Fleet) Resume(ctx context.Context, node string) error { return f.back(ctx, node, Pause) }

// State implements [chaos.Processes]: what the probes of what was done to it tell, else what
// the node answers.
func (f *Fleet) State(ctx context.Context, node string) (chaos.ProcessState, error) {
	if f.cfg.Nodes[node] == nil {
		return chaos.Exited, fmt.Errorf("node %s is not in the cluster file", node)
	}
	f.mu.Lock()
	kind := f.lost[node]
	f.mu.Unlock()
	for _, k := range []string{Kill, Pause} {
		a := f.actions[node][k]
		if a == nil || kind != "" && (kind == Pause) != (k == Pause) {
			continue
		}
		is, known := f.inForce(ctx, node, k)
		switch {
		case known && is && k == Kill:
			return chaos.Exited, nil
		case known && is:
			return chaos.Paused, nil
		case known:
			// The process is there; that it doesn't answer yet is not for the process to tell.
			return chaos.Running, nil
		}
	}
	return f.eyes.Answers(ctx, node), nil
}

// Fill implements [chaos.Disks].
func (f *Fleet) Fill(ctx context.Context, node string, percent float64) error {
	a, err := f.action(node, Fill)
	if err != nil {
		return err
	}
	usage, err := f.eyes.Usage(ctx, node)
	if err != nil {
		return fmt.Errorf("disk of node %s: %w", node, err)
	}
	f.mu.Lock()
	before := f.filled[node]
	f.mu.Unlock()
	bytes := before + int64(percent/100*float64(usage.Total)) - usage.Used
	if bytes <= before {
		return nil
	}
	words := make([]string, len(a.Do))
	for i, w := range a.Do {
		words[i] = strings.ReplaceAll(w, bytesPlace, strconv.FormatInt(bytes, 10))
	}
	return limited(ctx, a, func(ctx context.Context) error {
		if _, err := f.run(ctx, Call{node, Fill, Do, words}); err != nil {
			return fmt.Errorf("filling the disk of node %s: %w", node, err)
		}
		f.mu.Lock()
		f.filled[node] = bytes
		f.mu.Unlock()
		return nil
	})
}

// Free implements [chaos.Disks].
func (f *Fleet) Free(ctx context.Context, node string) error {
	a, err := f.action(node, Fill)
	if err != nil {
		return err
	}
	return limited(ctx, a, func(ctx context.Context) error {
		if _, err := f.run(ctx, Call{node, Fill, Undo, a.Undo}); err != nil {
			return fmt.Errorf("freeing the disk of node %s: %w", node, err)
		}
		f.mu.Lock()
		delete(f.filled, node)
		f.mu.Unlock()
		return nil
	})
}

// Usage implements [chaos.Disks].
func (f *Fleet) Usage(ctx context.Context, node string) (chaos.DiskUsage, error) {
	u, err := f.eyes.Usage(ctx, node)
	f.mu.Lock()
	u.Ballast = f.filled[node]
	f.mu.Unlock()
	return u, err
}

// OfLink are the steps that undo a cut link, for the journal.
func (f *Fleet) OfLink(from, to string) []journal.Step {
	var out []journal.Step
	for _, node := range []string{from, to} {
		if a := f.actions[node][Isolate]; a != nil {
			out = append(out, step(a))
		}
	}
	return out
}

// OfProcess are those that bring a process back, whatever was done to it. Each does no harm
// where there is nothing to undo.
func (f *Fleet) OfProcess(node string) []journal.Step {
	var out []journal.Step
	for _, kind := range []string{Pause, Kill, Stop} {
		a := f.actions[node][kind]
		if a == nil || slices.ContainsFunc(out, func(s journal.Step) bool { return slices.Equal(s.Command.Words, a.Undo) }) {
			continue
		}
		out = append(out, step(a))
	}
	return out
}

// OfDisk frees a disk.
func (f *Fleet) OfDisk(node string) []journal.Step {
	if a := f.actions[node][Fill]; a != nil {
		return []journal.Step{step(a)}
	}
	return nil
}

func step(a *Action) journal.Step { return journal.Step{Command: &journal.Command{Words: a.Undo}} }

// errNoLinks is of a partition that would not isolate nodes as a whole.
var errNoLinks = errors.New("nodes of a cluster of one's own are cut off as a whole, where the cluster file has a way to isolate them")
