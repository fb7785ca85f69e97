package integration

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

const (
	sweepEvery = 100 * time.Millisecond
	// sweepWait is how long removals that fail are tried again: a container that is just
	// being started holds its network.
	sweepWait        = 20 * time.Second
	interruptedQuiet = 2 * time.Second
)

// Close removes every container, network and volume of the cluster and closes the
// viewers' proxies. It may be called twice, and after a Start that failed half-way.
func (c *Cluster) Close(ctx context.Context) error {
	c.closeGuard.Lock()
	defer c.closeGuard.Unlock()
	if c.closed {
		return nil
	}
	c.deaths.end()
	var errs []error
	if c.viewers != nil {
		errs = append(errs, c.viewers.Close())
		c.viewers = nil
	}
	errs = append(errs, c.sweep(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cleaning up run %s (`shardquake clean` tries again): %w", c.runID, err)
	}
	c.closed = true
	return c.docker.Close()
}

// sweep removes what carries the run's label until there is nothing. It goes by label, not
// from memory: that finds what a failed start has made as well. After a start that was
// interrupted it looks on for a while, for the daemon may still be at work on a request
// whose caller has gone.
func (c *Cluster) sweep(ctx context.Context) error {
	quiet := time.Duration(0)
	if c.interrupted {
		quiet = interruptedQuiet
	}
	deadline := time.Now().Add(sweepWait)
	for last := time.Now(); ; {
		removed, err := removeLabelled(ctx, c.docker, labelRun, c.runID, nil)
		switch {
		case err == nil && len(removed) == 0 && time.Since(last) >= quiet:
			return nil
		case err != nil && (ctx.Err() != nil || time.Now().After(deadline)):
			return err
		case err != nil || len(removed) > 0:
			last = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sweepEvery):
		}
	}
}

// Clean removes what runs have left behind whose processes are gone, and says what it
// removed. Runs of living processes on this machine are left alone.
func Clean(ctx context.Context) (removed []string, err error) {
	docker, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	defer docker.Close() //nolint:errcheck // nothing depends on it
	return removeLabelled(ctx, docker, labelRun, "", func(labels map[string]string) bool { return !ownerLives(labels) })
}

// resource is a thing in Docker that can be removed.
type resource struct {
	kind, id, name string
	labels         map[string]string
	remove         func(context.Context) error
}

// removeLabelled removes containers, networks and volumes that carry a label and that
// the filter, when there is one, accepts. Containers go first: they hold the others.
func removeLabelled(ctx context.Context, docker *client.Client, key, value string, accept func(map[string]string) bool) ([]string, error) {
	var removed []string
	var errs []error
	for _, list := range []func(context.Context, *client.Client, client.Filters) ([]resource, error){listContainers, listNetworks, listVolumes} {
		resources, err := list(ctx, docker, byLabel(key, value))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sort.Slice(resources, func(i, j int) bool { return resources[i].name < resources[j].name })
		for _, r := range resources {
			if accept != nil && !accept(r.labels) {
				continue
			}
			if err := r.remove(ctx); err != nil && !errdefs.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("removing %s %s: %w", r.kind, r.name, err))
				continue
			}
			removed = append(removed, fmt.Sprintf("%s %s (run %s of process %s on %s)",
				r.kind, r.name, r.labels[labelRun], r.labels[labelPID], r.labels[labelHost]))
		}
	}
	return removed, errors.Join(errs...)
}

func listContainers(ctx context.Context, docker *client.Client, filters client.Filters) ([]resource, error) {
	found, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	var out []resource
	for _, item := range found.Items {
		name := item.ID
		if len(item.Names) > 0 {
			name = item.Names[0][1:] // Docker puts a slash in front
		}
		out = append(out, resource{kind: "container", id: item.ID, name: name, labels: item.Labels, remove: func(ctx context.Context) error {
			_, err := docker.ContainerRemove(ctx, item.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			return err
		}})
	}
	return out, nil
}

func listNetworks(ctx context.Context, docker *client.Client, filters client.Filters) ([]resource, error) {
	found, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("listing networks: %w", err)
	}
	var out []resource
	for _, item := range found.Items {
		out = append(out, resource{kind: "network", id: item.ID, name: item.Name, labels: item.Labels, remove: func(ctx context.Context) error {
			_, err := docker.NetworkRemove(ctx, item.ID, client.NetworkRemoveOptions{})
			return err
		}})
	}
	return out, nil
}

func listVolumes(ctx context.Context, docker *client.Client, filters client.Filters) ([]resource, error) {
	found, err := docker.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("listing volumes: %w", err)
	}
	var out []resource
	for _, item := range found.Items {
		out = append(out, resource{kind: "volume", id: item.Name, name: item.Name, labels: item.Labels, remove: func(ctx context.Context) error {
			_, err := docker.VolumeRemove(ctx, item.Name, client.VolumeRemoveOptions{Force: true})
			return err
		}})
	}
	return out, nil
}
