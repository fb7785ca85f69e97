package integration

import (
	"context"
	"fmt"
	"net/http"

	"github.com/shardquake/shardquake/chaos"
)

// targetOf is what faults can act on. What it supports it says before the containers are
// started, too.
func targetOf(containers *Cluster, c *realCluster) chaos.Target {
	a := administered{Cluster: containers, c: c}
	if c != nil {
		a.administrator = administrator{containers, c.outside}
	}
	return chaos.Target{
		XPack: !containers.es.local,
		Links: containers, Processes: containers, Disks: containers, Settings: a, Snapshots: a, Copies: a,
		DiskSpeeds: chaos.FixedSpeeds("the disks of containers are held in memory, which nothing slows down"),
	}
}

// administrator changes the settings of a cluster over no proxy, as an operator beside the
// nodes would.
type administrator struct {
	nodes interface {
		addresses
		State(ctx context.Context, node string) (chaos.ProcessState, error)
	}
	c *outside
}

var _ chaos.Settings = administrator{}

// administered is the containers with what can be done to the cluster in them.
type administered struct {
	administrator
	*Cluster
	c *realCluster
}

// Read implements [chaos.Settings].
func (a administrator) Read(ctx context.Context, of chaos.Scope, keys []string) (map[string]string, error) {
	var set map[string]string
	if of.Index == "" {
		var answer struct {
			Persistent map[string]string `json:"persistent"`
			Transient  map[string]string `json:"transient"`
		}
		if err := a.ask(ctx, "/_cluster/settings?flat_settings=true", &answer); err != nil {
			return nil, err
		}
		if set = answer.Persistent; of.Transient {
			set = answer.Transient
		}
	} else {
		var answer map[string]struct {
			Settings map[string]string `json:"settings"`
		}
		if err := a.ask(ctx, "/"+of.Index+"/_settings?flat_settings=true", &answer); err != nil {
			return nil, err
		}
		set = answer[of.Index].Settings
	}
	out := make(map[string]string, len(keys))
	for _, k := range keys {
		out[k] = set[k]
	}
	return out, nil
}

// Write implements [chaos.Settings].
func (a administrator) Write(ctx context.Context, of chaos.Scope, values map[string]string) error {
	method, path, body := settingsRequest(of, values)
	return a.each(ctx, func(url string) error {
		return a.c.rest.send(ctx, method, url+path, body, nil)
	})
}

// settingsRequest is the call that sets settings; "" takes one away.
func settingsRequest(of chaos.Scope, values map[string]string) (method, path string, body map[string]any) {
	changes := make(map[string]any, len(values))
	for k, v := range values {
		changes[k] = v
		if v == "" {
			changes[k] = nil
		}
	}
	if of.Index != "" {
		return http.MethodPut, "/" + of.Index + "/_settings", changes
	}
	kind := "persistent"
	if of.Transient {
		kind = "transient"
	}
	return http.MethodPut, "/_cluster/settings", map[string]any{kind: changes}
}

func (a administrator) ask(ctx context.Context, path string, into any) error {
	return a.each(ctx, func(url string) error { return a.c.rest.get(ctx, url+path, into) })
}

// each asks one node after the other until one answers.
func (a administrator) each(ctx context.Context, do func(url string) error) error {
	var last error
	for _, name := range a.nodes.NodeNames() {
		if state, err := a.nodes.State(ctx, name); err != nil || state != chaos.Running {
			last = fmt.Errorf("node %s is %s", name, state)
			continue
		}
		if last = do(a.nodes.DirectURL(name)); last == nil {
			return nil
		}
	}
	return last
}
