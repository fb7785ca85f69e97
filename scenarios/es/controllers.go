package es

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Stopper is a supervisor that can be asked to end gracefully.
type Stopper interface{ Stop() }

// controllers are the instances of a scenario's controller. They run in the runner's
// own process on every backend, so losing one is the runner's business, not the
// backend's.
type controllers struct {
	e     *session // nil where only what could be done is asked
	names []string

	home  context.Context // of the processes; nil before they are started
	group clock.Group
	all   map[string]*instance

	mu sync.Mutex // guards what changes of the instances; held for moments only
}

// startGap parts the starts of the instances, so that it is known which of them leads:
// until the first has the lease, its index must have been created and started.
const startGap = 5 * time.Second

// instance is one controller: what runs, and what it keeps when it is killed.
type instance struct {
	name    string
	disk    controllerDisk
	sup     scenarios.Supervisor
	cancel  context.CancelFunc
	ended   clock.Event
	running bool
	// last is the number of its last record. Started anew it counts from 1 again, which
	// the history must not take for the old records come again.
	last int
}

// controllerDisk is the disk of a controller: one file, which survives it.
type controllerDisk struct {
	mu   sync.Mutex
	data []byte
}

// Load returns what was saved last.
func (d *controllerDisk) Load() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.data), nil
}

// Save replaces it.
func (d *controllerDisk) Save(data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data = slices.Clone(data)
	return nil
}

func newControllers(s *scenarios.Scenario, e *session) *controllers {
	c := &controllers{e: e, names: s.ControllerNames(), all: map[string]*instance{}}
	for _, name := range c.names {
		c.all[name] = &instance{name: name}
	}
	return c
}

// start starts every instance, as processes that end with ctx.
func (c *controllers) start(ctx context.Context, group clock.Group) error {
	c.home, c.group = ctx, group
	for i, name := range c.names {
		// One after another, so that it is known which comes first.
		if err := c.launch(c.all[name], time.Duration(i)*startGap); err != nil {
			return fmt.Errorf("starting %s: %w", name, err)
		}
	}
	return nil
}

// launch starts an instance anew after a while: with an empty memory, on its old disk.
func (c *controllers) launch(in *instance, after time.Duration) error {
	e, r := c.e, c.e.r
	spec := *r.Scenario().Controller
	nodes := spec.Endpoints
	if len(nodes) == 0 {
		nodes = e.cluster.Nodes()
	}
	var endpoints []scenarios.Endpoint
	for _, n := range nodes {
		endpoints = append(endpoints, scenarios.Endpoint{Name: n, URL: e.cluster.URL(in.name, n)})
	}
	c.mu.Lock()
	before := in.last
	c.mu.Unlock()
	sup, err := r.NewSupervisor(scenarios.SupervisorConfig{
		Name: in.name, Spec: spec, Clock: e.cluster.Clock(in.name), Endpoints: endpoints, Transport: e.answers.transport(in.name),
		Disk: &in.disk,
		OnDecision: func(d observed.Decision) {
			d.Controller, d.Seq = in.name, before+d.Seq
			c.mu.Lock()
			in.last = max(in.last, d.Seq)
			c.mu.Unlock()
			r.Decided(d)
		},
		Log: func(line string) {
			if len(c.names) > 1 {
				line = in.name + ": " + line
			}
			r.Log(line)
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := r.Clock().WithCancel(c.home)
	ended := r.Clock().NewEvent()
	c.mu.Lock()
	in.sup, in.cancel, in.ended, in.running = sup, cancel, ended, true
	c.mu.Unlock()
	c.group.Go(ctx, in.name, func(ctx context.Context) {
		err := r.Clock().Sleep(ctx, after)
		if err == nil {
			err = sup.Run(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.Log("the controller ended: " + err.Error())
		}
		c.mu.Lock()
		if in.ended == ended {
			in.running = false
		}
		c.mu.Unlock()
		ended.Set() // last: who waits for it finds the instance ended
	})
	return nil
}

// find returns the instance of a name, and how it is at this moment.
func (c *controllers) find(name string) (*instance, now, error) {
	in := c.all[name]
	if in == nil || c.home == nil {
		return nil, now{}, fmt.Errorf("no controller %q runs", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return in, now{in.sup, in.cancel, in.ended, in.running}, nil
}

// now is what changes of an instance.
type now struct {
	sup     scenarios.Supervisor
	cancel  context.CancelFunc
	ended   clock.Event
	running bool
}

// Kill implements [chaos.Processes].
func (c *controllers) Kill(ctx context.Context, name string) error {
	_, is, err := c.find(name)
	if err != nil {
		return err
	}
	is.cancel()
	return is.ended.Wait(ctx)
}

// Stop implements [chaos.Processes].
func (c *controllers) Stop(ctx context.Context, name string) error {
	_, is, err := c.find(name)
	if err != nil {
		return err
	}
	s, ok := is.sup.(Stopper)
	if !ok {
		return errors.New("this controller can't be asked to end")
	}
	s.Stop()
	return is.ended.Wait(ctx)
}

// Start implements [chaos.Processes].
func (c *controllers) Start(_ context.Context, name string) error {
	in, is, err := c.find(name)
	if err != nil {
		return err
	}
	if is.running || c.home.Err() != nil {
		return nil // the run is over: nothing starts any more
	}
	return c.launch(in, 0)
}

// Pause implements [chaos.Processes].
func (c *controllers) Pause(context.Context, string) error {
	return errors.New("a controller can't be paused; cut it off with a partition instead")
}

// Resume implements [chaos.Processes].
func (c *controllers) Resume(context.Context, string) error {
	return errors.New("a controller can't be paused")
}

// State implements [chaos.Processes].
func (c *controllers) State(_ context.Context, name string) (chaos.ProcessState, error) {
	_, is, err := c.find(name)
	if err != nil {
		return chaos.Exited, err
	}
	if is.running {
		return chaos.Running, nil
	}
	return chaos.Exited, nil
}

// processes are the backend's and the controllers, told apart by their names.
type processes struct {
	chaos.Processes
	controllers *controllers
}

func (p processes) of(name string) chaos.Processes {
	if slices.Contains(p.controllers.names, name) {
		return p.controllers
	}
	return p.Processes
}

func (p processes) Kill(ctx context.Context, name string) error  { return p.of(name).Kill(ctx, name) }
func (p processes) Stop(ctx context.Context, name string) error  { return p.of(name).Stop(ctx, name) }
func (p processes) Start(ctx context.Context, name string) error { return p.of(name).Start(ctx, name) }
func (p processes) Pause(ctx context.Context, name string) error { return p.of(name).Pause(ctx, name) }
func (p processes) Resume(ctx context.Context, name string) error {
	return p.of(name).Resume(ctx, name)
}
func (p processes) State(ctx context.Context, name string) (chaos.ProcessState, error) {
	return p.of(name).State(ctx, name)
}

// over adds the controllers to the processes of a backend's target, and what the nodes
// answer to them over HTTP (nil: no controller asks).
func (c *controllers) over(t chaos.Target, a *answers) chaos.Target {
	if t.Processes != nil {
		t.Processes = processes{t.Processes, c}
	}
	if a != nil {
		t.Answers = a
	}
	return t
}
