package integration

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// deaths notices containers of a cluster that end though nobody of the run has ended them: the
// kernel for want of memory, the daemon, a person, the process itself.
type deaths struct {
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	planned map[string]bool // by container, while the run wants it to be dead
	seen    []string
}

// watchDeaths follows the daemon's events about the containers of a run.
func watchDeaths(ctx context.Context, docker *client.Client, runID string) *deaths {
	d := &deaths{done: make(chan struct{}), planned: make(map[string]bool)}
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	filters := byLabel(labelRun, runID).Add("type", string(events.ContainerEventType)).Add("event", string(events.ActionDie), string(events.ActionOOM))
	stream := docker.Events(ctx, client.EventsListOptions{Filters: filters})
	go func() {
		defer close(d.done)
		for {
			select {
			case m := <-stream.Messages:
				d.saw(m)
			case <-stream.Err: // also when it is stopped
				return
			}
		}
	}()
	return d
}

// saw takes an event in.
func (d *deaths) saw(m events.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.planned[m.Actor.ID] {
		return
	}
	node, role := m.Actor.Attributes[labelNode], m.Actor.Attributes[labelRole]
	what := fmt.Sprintf("the container of %s (%s)", node, role)
	if role == roleNode {
		what = "node " + node
	}
	at := time.Unix(0, m.TimeNano).UTC().Format("15:04:05")
	if m.Action == events.ActionOOM {
		d.seen = append(d.seen, fmt.Sprintf("%s ran out of memory at %s UTC", what, at))
		return
	}
	d.seen = append(d.seen, fmt.Sprintf("%s died at %s UTC with exit code %s", what, at, m.Actor.Attributes["exitCode"]))
}

// plan says whether the run itself wants a container to be dead.
func (d *deaths) plan(container string, dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.planned[container] = dead
}

// unplanned are the deaths outside the plan.
func (d *deaths) unplanned() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.seen...)
}

// end stops the watch: what dies from now on is removed.
func (d *deaths) end() {
	d.stop()
	<-d.done
}
