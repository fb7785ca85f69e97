package catalog

import (
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/controller/tuning"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Supervisor makes the Elasticsearch controller that a scenario asks for.
func Supervisor(cfg scenarios.SupervisorConfig) (scenarios.Supervisor, error) {
	return supervisor(cfg, nil)
}

// SupervisorWith makes controllers that know other policies besides.
func SupervisorWith(others ...policy.Kind) func(scenarios.SupervisorConfig) (scenarios.Supervisor, error) {
	return func(cfg scenarios.SupervisorConfig) (scenarios.Supervisor, error) {
		for _, r := range others {
			if r.Name == cfg.Spec.Policy {
				return supervisor(cfg, r.New())
			}
		}
		return supervisor(cfg, nil)
	}
}

// supervisor makes a controller, with a policy that it doesn't know by name or nil.
func supervisor(cfg scenarios.SupervisorConfig, own policy.Policy) (scenarios.Supervisor, error) {
	var endpoints []controller.Endpoint
	for _, e := range cfg.Endpoints {
		endpoints = append(endpoints, controller.Endpoint{Name: e.Name, URL: e.URL})
	}
	leader, transport, err := leadership(cfg, endpoints)
	if err != nil {
		return nil, err
	}
	client, err := controller.NewClient(controller.ClientConfig{Clock: cfg.Clock, Endpoints: endpoints, Transport: transport})
	if err != nil {
		return nil, err
	}
	beside, err := parts(cfg, client)
	if err != nil {
		return nil, err
	}
	far, err := distance(cfg.Spec.Distance)
	if err != nil {
		return nil, err
	}
	windows, err := tuning.ParseWindows(cfg.Spec.OffPeak)
	if err != nil {
		return nil, err
	}
	c, err := controller.New(controller.Config{
		OffPeak: tuning.InAny(windows),
		Trigger: controller.Trigger(cfg.Spec.Trigger), Patience: cfg.Spec.Patience.D(),
		Distance:   far,
		Leadership: leader, Parts: beside, PaceTuned: cfg.Spec.Tuning, WatchOnly: cfg.Spec.Recovery, // the recovery manager does it by the cause
		Clock: cfg.Clock, Client: client, PolicyName: cfg.Spec.Policy, Policy: own, Shadow: cfg.Spec.Shadow, Interval: cfg.Spec.Interval.D(),
		Log:        controller.NewLineHandler(cfg.Log),
		OnDecision: func(d controller.Decision) { cfg.OnDecision(decision(d)) },
	})
	if err != nil {
		return nil, err
	}
	return planted(cfg, c), nil
}

// decision turns an audit record into that of a scenario's history.
func decision(d controller.Decision) observed.Decision {
	out := observed.Decision{
		Seq: d.Seq, At: d.Monotonic, Actor: d.Actor, Policy: d.Policy, Reason: d.Reason, Found: d.Found, Shadow: d.Shadow(),
		Acted: d.Acted(), Decided: "nothing",
	}
	for _, n := range d.Observed {
		out.Observed = append(out.Observed, observed.NamedValue{Name: n.Name, Value: n.Value})
	}
	var decided, done []string
	for _, a := range d.Decided {
		decided = append(decided, string(a))
	}
	if len(decided) > 0 {
		out.Decided = strings.Join(decided, ", ")
	}
	if d.Shadow() {
		out.Acted = len(decided) > 0 // it would have
	}
	for _, s := range d.Done {
		text := fmt.Sprintf("%s (%d calls)", s.What, s.Calls)
		for _, c := range s.Changes {
			text += fmt.Sprintf(", %s: %q → %q", c.Key, c.From, c.To)
		}
		for _, c := range s.Contested {
			text += fmt.Sprintf(", %s left at %q", c.Key, c.From)
		}
		if s.Error != "" {
			text += ": " + s.Error
		}
		done = append(done, text)
	}
	out.Done = strings.Join(done, "; ")
	if e := d.Effect; e != nil {
		out.Effect = fmt.Sprintf("%d recoveries within %s; %s", e.Recoveries, e.After, e.Note)
	}
	return out
}
