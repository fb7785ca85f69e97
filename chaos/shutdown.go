package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Shutdown has an operator tell the cluster that a node is meant to go. The node itself
// stays as it is: other faults stop it.
type Shutdown struct {
	Node   Selector       `yaml:"node" json:"node" jsonschema:"required,description=a node or a selector"`
	Type   string         `yaml:"type" json:"type" jsonschema:"required,enum=restart,enum=remove,enum=replace,description=restart: its copies are waited for; remove: they leave it; replace: they go to the target"`
	Target Selector       `yaml:"target,omitempty" json:"target,omitempty" jsonschema:"description=of a replacement: the node that takes its copies and no others"`
	Reason string         `yaml:"reason,omitempty" json:"reason,omitempty" jsonschema:"description=default maintenance"`
	Delay  units.Duration `yaml:"allocation-delay,omitempty" json:"allocation_delay,omitempty" jsonschema:"description=of a restart: how long its copies are waited for; default 5m"`
	For    units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=until it is taken back; absent: for good"`
}

// The types of shutdowns.
const (
	shutdownRestart = "restart"
	shutdownRemove  = "remove"
	shutdownReplace = "replace"
)

func shutdown() Kind {
	return Kind{
		Name: "shutdown", About: "the cluster is told that a node is meant to go, as an operator would",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &Shutdown{} },
	}
}

// Kind implements [Fault].
func (*Shutdown) Kind() string { return "shutdown" }

// Lasts implements [Fault].
func (f *Shutdown) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *Shutdown) Permanent() bool { return f.For == 0 }

// Check implements [Fault].
func (f *Shutdown) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if msg := f.Node.check(t, false, false); msg != "" {
		ps = append(ps, source.Problemf("node", "%s", msg))
	}
	switch f.Type {
	case shutdownRestart, shutdownRemove, shutdownReplace:
	case "sigterm":
		ps = append(ps, source.Problemf("type", "shutdowns of the type %s are not modelled; expected restart, remove or replace", f.Type))
	default:
		ps = append(ps, source.Problemf("type", "%s", source.Unknown("type of shutdown", f.Type, []string{shutdownRestart, shutdownRemove, shutdownReplace})))
	}
	ps = append(ps, f.checkTarget(t)...)
	if f.Delay != 0 && f.Type != shutdownRestart {
		ps = append(ps, source.Problemf("allocation-delay", "nobody waits for a node that goes; expected a delay of a restart alone"))
	}
	return ps
}

// checkTarget finds a replacement by nobody, and other shutdowns by somebody.
func (f *Shutdown) checkTarget(t Topology) []source.Problem {
	switch {
	case f.Type != shutdownReplace && f.Target != "":
		return []source.Problem{source.Problemf("target", "a shutdown of the type %s has no target; expected type: replace", f.Type)}
	case f.Type != shutdownReplace:
		return nil
	case f.Target == "":
		return []source.Problem{source.Problemf("type", "a node is replaced by another one; expected target:")}
	case f.Target == f.Node:
		return []source.Problem{source.Problemf("target", "a node can't replace itself; expected another one")}
	}
	if msg := f.Target.check(t, false, false); msg != "" {
		return []source.Problem{source.Problemf("target", "%s", msg)}
	}
	return nil
}

// Resolve implements [Fault].
func (f *Shutdown) Resolve(v View) (Resolved, error) {
	names, err := f.Node.resolve(v)
	if err != nil {
		return Resolved{}, err
	}
	if len(names) != 1 {
		return Resolved{}, fmt.Errorf("one node is shut down at a time, not %v", names)
	}
	concrete := *f
	concrete.Node = Selector(names[0])
	if f.Type == shutdownReplace {
		targets, err := f.Target.resolve(v)
		if err != nil {
			return Resolved{}, err
		}
		if len(targets) != 1 || targets[0] == names[0] {
			return Resolved{}, fmt.Errorf("one other node replaces %s, not %v", names[0], targets)
		}
		concrete.Target = Selector(targets[0])
	}
	return Resolved{Fault: &concrete, Victims: names, Primitives: []Primitive{&shutDown{names[0], &concrete}}}, nil
}

// shutDown registers a shutdown.
type shutDown struct {
	node string
	f    *Shutdown
}

func (s *shutDown) String() string {
	return fmt.Sprintf("register that %s is to %s", s.node, s.f.Type)
}

func (s *shutDown) Needs(t Target) error {
	if t.API == nil {
		return lacks("Elasticsearch's API")
	}
	if !t.XPack {
		return errors.New("the nodes have no shutdown API: it is part of x-pack, which the minimal distribution lacks")
	}
	return nil
}

// Holds implements [Primitive]: a node has one shutdown.
func (s *shutDown) Holds() Hold { return Hold{On: "shutdown of " + s.node, Layered: true} }

// id is the node's id, which the API wants.
func (s *shutDown) id(ctx context.Context, api API) (string, error) {
	var rows []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	if err := api.Call(ctx, http.MethodGet, "/_cat/nodes?h=id,name&full_id=true&format=json", nil, &rows); err != nil {
		return "", err
	}
	for _, r := range rows {
		if r.Name == s.node {
			return r.ID, nil
		}
	}
	return "", fmt.Errorf("%s is no member of the cluster", s.node)
}

func (s *shutDown) Inject(ctx context.Context, t Target) error {
	id, err := s.id(ctx, t.API)
	if err != nil {
		return err
	}
	body := map[string]any{"type": s.f.Type, "reason": "maintenance"}
	if s.f.Reason != "" {
		body["reason"] = s.f.Reason
	}
	if s.f.Target != "" {
		body["target_node_name"] = string(s.f.Target)
	}
	if s.f.Delay != 0 {
		body["allocation_delay"] = fmt.Sprintf("%dms", s.f.Delay.D().Milliseconds())
	}
	return t.API.Call(ctx, http.MethodPut, "/_nodes/"+id+"/shutdown", body, nil)
}

// registered are the ids of nodes with a shutdown, with its type.
func registered(ctx context.Context, api API) (map[string]string, error) {
	var answer struct {
		Nodes []struct {
			ID   string `json:"node_id"`
			Type string `json:"type"`
		} `json:"nodes"`
	}
	err := api.Call(ctx, http.MethodGet, "/_nodes/shutdown", nil, &answer)
	out := map[string]string{}
	for _, n := range answer.Nodes {
		out[n.ID] = strings.ToLower(n.Type)
	}
	return out, err
}

// Heal takes the shutdown back, also of a node that is away.
func (s *shutDown) Heal(ctx context.Context, t Target) error {
	id, err := s.id(ctx, t.API)
	if err != nil {
		return err
	}
	err = t.API.Call(ctx, http.MethodDelete, "/_nodes/"+id+"/shutdown", nil, nil)
	var answer *APIError
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil
	}
	return err
}

func (s *shutDown) look(ctx context.Context, t Target, want bool) Evidence {
	all, err := registered(ctx, t.API)
	id, missing := s.id(ctx, t.API)
	if err == nil {
		err = missing
	}
	var saw []string
	for _, kind := range all {
		saw = append(saw, kind)
	}
	slices.Sort(saw)
	return evidence(s, err, (all[id] == s.f.Type) == want, "registered shutdowns: %v", saw)
}

func (s *shutDown) Bites(ctx context.Context, t Target) Evidence { return s.look(ctx, t, true) }
func (s *shutDown) Gone(ctx context.Context, t Target) Evidence  { return s.look(ctx, t, false) }
