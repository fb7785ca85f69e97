package integration

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/chaos"
)

const (
	// stopGrace is how long a node may take to end after SIGTERM, in seconds; then it
	// is killed and Stop reports an error.
	stopGrace = 30
	exitWait  = 10 * time.Second
)

// Kill ends a node's process with SIGKILL and returns when it is gone. A paused process
// has to be resumed for that: it gets the signal first.
func (c *Cluster) Kill(ctx context.Context, name string) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	state, err := c.State(ctx, name)
	if err != nil {
		return err
	}
	if state == chaos.Paused {
		if err := c.Resume(ctx, name); err != nil {
			return err
		}
	}
	c.deaths.plan(n.esID, true)
	if _, err := c.docker.ContainerKill(ctx, n.esID, client.ContainerKillOptions{Signal: "SIGKILL"}); err != nil {
		return fmt.Errorf("killing node %s: %w", name, err)
	}
	return poll(ctx, exitWait, 10*time.Millisecond, "node "+name+" to exit", func() error {
		return c.wantState(ctx, name, chaos.Exited)
	})
}

// Stop sends SIGTERM and waits until the node has closed itself.
func (c *Cluster) Stop(ctx context.Context, name string) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	grace := stopGrace
	c.deaths.plan(n.esID, true)
	if _, err := c.docker.ContainerStop(ctx, n.esID, client.ContainerStopOptions{Timeout: &grace}); err != nil {
		return fmt.Errorf("stopping node %s: %w", name, err)
	}
	inspected, err := c.docker.ContainerInspect(ctx, n.esID, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("stopping node %s: %w", name, err)
	}
	if code := inspected.Container.State.ExitCode; code == 137 { // 128 + SIGKILL
		return fmt.Errorf("stopping node %s: it did not end within %d s of SIGTERM and was killed", name, stopGrace)
	}
	return nil
}

// Start starts a process that was killed or stopped, with its addresses and its disk as
// they were.
func (c *Cluster) Start(ctx context.Context, name string) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	if _, err := c.docker.ContainerStart(ctx, n.esID, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("starting node %s: %w", name, err)
	}
	c.deaths.plan(n.esID, false)
	return c.wantState(ctx, name, chaos.Running)
}

// Pause freezes a node's process; the kernel keeps its connections open.
func (c *Cluster) Pause(ctx context.Context, name string) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	if _, err := c.docker.ContainerPause(ctx, n.esID, client.ContainerPauseOptions{}); err != nil {
		return fmt.Errorf("pausing node %s: %w", name, err)
	}
	return c.wantState(ctx, name, chaos.Paused)
}

// Resume lets a paused process go on.
func (c *Cluster) Resume(ctx context.Context, name string) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	if _, err := c.docker.ContainerUnpause(ctx, n.esID, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("resuming node %s: %w", name, err)
	}
	return c.wantState(ctx, name, chaos.Running)
}

// State is whether a node's process runs.
func (c *Cluster) State(ctx context.Context, name string) (chaos.ProcessState, error) {
	n, err := c.node(name)
	if err != nil {
		return chaos.Exited, err
	}
	inspected, err := c.docker.ContainerInspect(ctx, n.esID, client.ContainerInspectOptions{})
	if err != nil {
		return chaos.Exited, fmt.Errorf("state of node %s: %w", name, err)
	}
	switch state := inspected.Container.State; {
	case state.Paused:
		return chaos.Paused, nil
	case state.Running:
		return chaos.Running, nil
	default:
		return chaos.Exited, nil
	}
}

func (c *Cluster) wantState(ctx context.Context, name string, want chaos.ProcessState) error {
	got, err := c.State(ctx, name)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("node %s is %s, not %s", name, got, want)
	}
	return nil
}
