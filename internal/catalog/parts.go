package catalog

import (
	"errors"
	"net/http"
	"slices"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/lease"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/controller/tuning"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

// checkControl says what is wrong with the parts of a controller that only they know.
func checkControl(c scenarios.ControlSection) map[string]error {
	wrong := map[string]error{}
	for _, a := range c.Approve {
		if err := recovery.Approval(a).Check(); err != nil {
			wrong["approve"] = err
		}
	}
	if _, err := distance(c.Distance); err != nil {
		wrong["distance"] = err
	}
	if t := controller.Trigger(c.Trigger); t != "" && !slices.Contains(controller.Triggers(), t) {
		wrong["trigger"] = errors.New(source.Unknown("trigger", c.Trigger, triggers()))
	}
	for _, text := range c.OffPeak {
		if _, err := tuning.ParseWindow(text); err != nil {
			wrong["off-peak"] = err
		}
	}
	return wrong
}

func triggers() []string {
	var out []string
	for _, t := range controller.Triggers() {
		out = append(out, string(t))
	}
	return out
}

// distance reads the distances between nodes; none are known without a text.
func distance(text string) (policy.Distance, error) {
	if text == "" {
		return policy.Distance{}, nil
	}
	return policy.ParseDistance(text)
}

// parts makes what a scenario's controller has beside its loops.
func parts(cfg scenarios.SupervisorConfig, client *controller.Client) ([]controller.Part, error) {
	var out []controller.Part
	if every := cfg.Spec.Consistency; every > 0 {
		c, err := consistency.New(consistency.Config{Clock: cfg.Clock, Client: client, Every: every.D()})
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if cfg.Spec.Recovery {
		m, err := recovery.New(recoveryConfig(cfg))
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if cfg.Spec.Tuning {
		windows, err := tuning.ParseWindows(cfg.Spec.OffPeak)
		if err != nil {
			return nil, err
		}
		t, err := tuning.New(tuning.Config{OffPeak: windows})
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// leadership makes the lease, where one is asked for, and the transport behind its fence.
func leadership(cfg scenarios.SupervisorConfig, endpoints []controller.Endpoint) (controller.Leadership, http.RoundTripper, error) {
	if cfg.Spec.Lease == 0 {
		return nil, cfg.Transport, nil
	}
	// A call that hangs must leave time for another one before the lease runs out.
	client, err := controller.NewClient(controller.ClientConfig{
		Clock: cfg.Clock, Endpoints: endpoints, Transport: cfg.Transport, CallTimeout: cfg.Spec.Lease.D() / 6,
	})
	if err != nil {
		return nil, nil, err
	}
	l, err := lease.New(lease.Config{Clock: cfg.Clock, Client: client, Name: cfg.Name, TTL: cfg.Spec.Lease.D()})
	if err != nil {
		return nil, nil, err
	}
	return l, l.Fence(cfg.Transport), nil
}

func recoveryConfig(cfg scenarios.SupervisorConfig) recovery.Config {
	rc := recovery.Config{Interval: cfg.Spec.Interval.D(), Store: cfg.Disk}
	for _, a := range cfg.Spec.Approve {
		rc.Approve = append(rc.Approve, recovery.Approval(a))
	}
	return rc
}
