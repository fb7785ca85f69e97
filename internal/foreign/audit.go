package foreign

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// effectAfter is when the effect of a change is looked at.
const effectAfter = 30 * time.Second

// Audit keeps what somebody's controller changes as decisions of the run, with their effects.
type Audit struct {
	actor  string
	run    scenarios.SupervisorConfig
	client *controller.Client
	seq    atomic.Int64
}

// NewAudit makes the audit of a run's controller, which is called actor.
func NewAudit(actor string, run scenarios.SupervisorConfig) (*Audit, error) {
	var endpoints []controller.Endpoint
	for _, e := range run.Endpoints {
		endpoints = append(endpoints, controller.Endpoint{Name: e.Name, URL: e.URL})
	}
	client, err := controller.NewClient(controller.ClientConfig{Clock: run.Clock, Endpoints: endpoints, Transport: run.Transport, Retries: -1})
	if err != nil {
		return nil, err
	}
	return &Audit{actor: actor, run: run, client: client}, nil
}

// Change has a change carried out. It is a decision from its answer on; its effect is looked
// at later, in a process that ends with ctx.
func (a *Audit) Change(ctx context.Context, what string, body []byte, carry func() (status int, answer []byte, err error)) {
	before, unseen := a.client.GetClusterHealth(ctx)
	at := a.run.Clock.Monotonic()
	status, answer, err := carry()
	d := observed.Decision{
		Seq: int(a.seq.Add(1)), At: at, Actor: a.actor, Decided: what, Reason: "the " + a.actor + " asked for it: " + brief(body),
		Done: fmt.Sprintf("answered %d: %s", status, brief(answer)), Acted: err == nil && status < 300,
		Effect: fmt.Sprintf("not seen: the run ended within %v", effectAfter), // until it is
	}
	if err != nil {
		d.Done = "no answer: " + err.Error()
	}
	a.run.OnDecision(d)
	a.run.Clock.Go(ctx, "effect", func(ctx context.Context) { a.follow(ctx, d, before, unseen) })
}

// follow looks at the effect of a change when it may show.
func (a *Audit) follow(ctx context.Context, d observed.Decision, before controller.ClusterHealth, unseen error) {
	if a.run.Clock.Sleep(ctx, effectAfter) != nil {
		return
	}
	now, err := a.client.GetClusterHealth(ctx)
	if ctx.Err() != nil {
		return
	}
	d.Effect = fmt.Sprintf("%v later: %s → %s, relocating %d → %d, initializing %d → %d, unassigned %d → %d", effectAfter, before.Status, now.Status,
		before.RelocatingShards, now.RelocatingShards, before.InitializingShards, now.InitializingShards, before.UnassignedShards, now.UnassignedShards)
	if err := errors.Join(unseen, err); err != nil {
		d.Effect = "unknown: " + err.Error()
	}
	a.run.OnDecision(d)
}
