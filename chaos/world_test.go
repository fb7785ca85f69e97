package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// world is a target that can do everything there is, to a cluster that is a few maps: what
// was done and not undone.
type world struct {
	Cuts     map[[2]string]CutMode
	Shapes   map[[2]string]Shape
	Procs    map[string]ProcessState
	Full     map[string]float64
	Slowed   map[string]Drag
	Set      map[string]string
	Off      map[string]time.Duration
	Rules    map[int]bool
	Damaged  map[CopyRef]DamageMode
	Taken    map[string]bool
	Aliases  map[string]map[string]map[string]any // by index, as the API tells of them
	Indices  map[string]bool
	Admin    map[string]any // what operators did besides: closed indices, templates, who may not vote
	Layout   []Range
	Draining map[string]bool
}

func newWorld() *world {
	return &world{
		Cuts: map[[2]string]CutMode{}, Shapes: map[[2]string]Shape{}, Procs: map[string]ProcessState{"n1": Running, "n2": Running, "n3": Running, "n4": Exited, "controller": Running},
		Full: map[string]float64{}, Slowed: map[string]Drag{}, Set: map[string]string{}, Off: map[string]time.Duration{}, Rules: map[int]bool{}, Damaged: map[CopyRef]DamageMode{},
		Taken: map[string]bool{}, Aliases: map[string]map[string]map[string]any{}, Indices: map[string]bool{"logs": true}, Admin: map[string]any{}, Draining: map[string]bool{}, Layout: []Range{{Start: "", Copies: []string{"n1", "n2", "n3"}}},
	}
}

func (w *world) target() Target {
	return Target{
		Links: w, Processes: worldProcesses{w}, Upgrades: worldProcesses{w}, Disks: w, DiskSpeeds: w, Clocks: w, Settings: w, Answers: w, Snapshots: worldSnapshots{w}, Copies: w, Operator: worldOperator{w}, API: worldAPI{w}, XPack: true,
	}
}

func (w *world) SupportsShape(Shape) error { return nil }

func (w *world) Cut(_ context.Context, a, b string, m CutMode) error {
	w.Cuts[[2]string{a, b}] = m
	return nil
}

func (w *world) Mend(_ context.Context, a, b string) error {
	delete(w.Cuts, [2]string{a, b})
	return nil
}

func (w *world) Shape(_ context.Context, a, b string, s Shape) error {
	w.Shapes[[2]string{a, b}] = s
	return nil
}

func (w *world) Unshape(_ context.Context, a, b string) error {
	delete(w.Shapes, [2]string{a, b})
	return nil
}

// Probe looks at the two parts of a link separately, so that one doesn't hide the other.
func (w *world) Probe(_ context.Context, a, b string) (LinkProbe, error) {
	s := w.Shapes[[2]string{a, b}]
	return LinkProbe{State: w.Cuts[[2]string{a, b}], RoundTrip: time.Millisecond + s.Latency, Rate: s.Bandwidth}, nil
}

func (w *world) Fill(_ context.Context, node string, percent float64) error {
	w.Full[node] = percent
	return nil
}

func (w *world) Free(_ context.Context, node string) error {
	delete(w.Full, node)
	return nil
}

func (w *world) Usage(_ context.Context, node string) (DiskUsage, error) {
	used := int64(w.Full[node])
	return DiskUsage{Used: used, Total: 100, Ballast: used}, nil
}

func (w *world) SupportsDrag(Drag) error { return nil }

func (w *world) Drag(_ context.Context, node string, d Drag) error {
	if w.Slowed[node] = d; d == (Drag{}) {
		delete(w.Slowed, node)
	}
	return nil
}

func (w *world) Time(_ context.Context, node string, bytes int64) (time.Duration, error) {
	d, took := w.Slowed[node], time.Millisecond
	if d.Rate > 0 {
		took += time.Duration(float64(time.Second) * float64(bytes) / float64(d.Rate))
	}
	return took + d.By, nil
}

func (w *world) Jump(_ context.Context, of string, by time.Duration) error {
	if w.Off[of] += by; w.Off[of] == 0 {
		delete(w.Off, of)
	}
	return nil
}

func (w *world) Offset(_ context.Context, of string) (time.Duration, error) { return w.Off[of], nil }

func settingKey(of Scope, key string) string { return fmt.Sprint(of.Index, of.Transient, key) }

func (w *world) Read(_ context.Context, of Scope, keys []string) (map[string]string, error) {
	out := map[string]string{}
	for _, k := range keys {
		out[k] = w.Set[settingKey(of, k)]
	}
	return out, nil
}

func (w *world) Write(_ context.Context, of Scope, values map[string]string) error {
	for k, v := range values {
		if w.Set[settingKey(of, k)] = v; v == "" {
			delete(w.Set, settingKey(of, k))
		}
	}
	return nil
}

func (w *world) Spoil(context.Context, string, string, Spoil) (int, error) {
	rule := 1
	for w.Rules[rule] {
		rule++
	}
	w.Rules[rule] = true
	return rule, nil
}

func (w *world) Unspoil(_ context.Context, rule int) error {
	delete(w.Rules, rule)
	return nil
}

func (w *world) Ask(_ context.Context, rule int) (bool, string, error) {
	return w.Rules[rule], "asked", nil
}

func (w *world) SupportsDamage(DamageMode) error { return nil }

func (w *world) Damage(_ context.Context, d Damage) error {
	w.Damaged[d.Copy] = d.Mode
	return nil
}

func (w *world) Condition(_ context.Context, d Damage) (CopyCondition, error) {
	_, is := w.Damaged[d.Copy]
	return CopyCondition{Damaged: is}, nil
}

// worldProcesses are strict: what can't be done to a process is an error.
type worldProcesses struct{ w *world }

func (p worldProcesses) turn(node string, to ProcessState, from ...ProcessState) error {
	if is := p.w.Procs[node]; !slices.Contains(from, is) {
		return fmt.Errorf("the process of %s is %s", node, is)
	}
	p.w.Procs[node] = to
	return nil
}

func (p worldProcesses) Kill(_ context.Context, n string) error {
	return p.turn(n, Exited, Running, Paused)
}
func (p worldProcesses) Stop(_ context.Context, n string) error         { return p.turn(n, Exited, Running) }
func (p worldProcesses) StartNewer(ctx context.Context, n string) error { return p.Start(ctx, n) }

func (p worldProcesses) Start(_ context.Context, n string) error {
	return p.turn(n, Running, Exited)
}
func (p worldProcesses) Pause(_ context.Context, n string) error { return p.turn(n, Paused, Running) }
func (p worldProcesses) Resume(_ context.Context, n string) error {
	return p.turn(n, Running, Paused)
}
func (p worldProcesses) State(_ context.Context, n string) (ProcessState, error) {
	return p.w.Procs[n], nil
}

type worldSnapshots struct{ w *world }

func (s worldSnapshots) Take(_ context.Context, repository, name string, _ []string) error {
	if s.w.Taken[repository+name] {
		return errors.New("there is a snapshot of that name")
	}
	s.w.Taken[repository+name] = true
	return nil
}

func (s worldSnapshots) Snapshot(_ context.Context, repository, name string) (string, error) {
	if s.w.Taken[repository+name] {
		return "SUCCESS", nil
	}
	return "", errors.New("there is no such snapshot")
}

type worldOperator struct{ w *world }

func (o worldOperator) Split(_ context.Context, key string) error {
	r := covering(o.w.Layout, key)
	if r.Start == key {
		return errors.New("a shard begins there already")
	}
	o.w.Layout = append(o.w.Layout, Range{Start: key, Copies: slices.Clone(r.Copies)})
	slices.SortFunc(o.w.Layout, func(a, b Range) int { return strings.Compare(a.Start, b.Start) })
	return nil
}

func (o worldOperator) Move(_ context.Context, key, from, to string) error {
	at := slices.IndexFunc(o.w.Layout, func(r Range) bool { return r.Start == covering(o.w.Layout, key).Start })
	i := slices.Index(o.w.Layout[at].Copies, from)
	if i < 0 {
		return fmt.Errorf("%s holds no copy", from)
	}
	o.w.Layout[at].Copies[i] = to
	return nil
}

func (o worldOperator) Drain(_ context.Context, node string, on bool) error {
	if delete(o.w.Draining, node); on {
		o.w.Draining[node] = true
	}
	return nil
}

func (o worldOperator) Ranges(context.Context) ([]Range, []string, error) {
	return o.w.Layout, slices.Sorted(maps.Keys(o.w.Draining)), nil
}

// worldAPI answers as Elasticsearch would what the steps ask.
type worldAPI struct{ w *world }

func (a worldAPI) Call(_ context.Context, method, path string, body, into any) error {
	path, query, _ := strings.Cut(path, "?")
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if done, err := a.administer(method, parts, query, body, into); done {
		return err
	}
	switch {
	case parts[0] == "_cat":
		return json.Unmarshal([]byte(`[{"shard":"0","state":"RELOCATING","node":"n3 -> 127.0.0.1 id n2"},{"shard":"0","state":"STARTED","node":"n1"},{"shard":"0","state":"STARTED","node":"n4"}]`), into)
	case parts[0] == "_cluster":
		return nil
	case parts[0] == "_aliases":
		return a.change(body.(map[string]any)["actions"].([]any))
	case parts[0] == "_alias":
		text, err := json.Marshal(a.w.Aliases)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	case parts[0] == "_snapshot":
		as := body.(map[string]any)["rename_replacement"].(string)
		return a.make(as)
	case method == http.MethodGet && !a.w.Indices[parts[0]]:
		return &APIError{Status: http.StatusNotFound, Reason: "no such index"}
	case method == http.MethodPut:
		return a.make(parts[0])
	case method == http.MethodDelete && !a.w.Indices[parts[0]]:
		return &APIError{Status: http.StatusNotFound, Reason: "no such index"}
	case method == http.MethodDelete:
		delete(a.w.Indices, parts[0])
	}
	return nil
}

// administer is what operators ask besides indices, aliases and snapshots.
func (a worldAPI) administer(method string, parts []string, query string, body, into any) (done bool, err error) {
	answer := func(v any) (bool, error) {
		text, err := json.Marshal(v)
		if err != nil || into == nil {
			return true, err
		}
		return true, json.Unmarshal(text, into)
	}
	last := parts[len(parts)-1]
	switch {
	case parts[0] == "_cat" && parts[1] == "nodes":
		return answer([]any{map[string]any{"id": "id3", "name": "n3"}})
	case parts[0] == "_nodes" && method == http.MethodPut:
		a.w.Admin["shutdown"] = body.(map[string]any)["type"]
	case parts[0] == "_nodes" && method == http.MethodDelete:
		delete(a.w.Admin, "shutdown")
	case parts[0] == "_nodes" && a.w.Admin["shutdown"] == nil:
		return answer(map[string]any{})
	case parts[0] == "_nodes":
		return answer(map[string]any{"nodes": []any{map[string]any{"node_id": "id3", "type": a.w.Admin["shutdown"]}}})
	case parts[0] == "_cat" && parts[1] == "indices":
		status := "open"
		if a.w.Admin["closed "+last] != nil {
			status = "close"
		}
		return answer([]any{map[string]any{"status": status}})
	case last == "_close":
		a.w.Admin["closed "+parts[0]] = true
	case last == "_open":
		delete(a.w.Admin, "closed "+parts[0])
	case last == "_forcemerge":
	case len(parts) > 1 && parts[1] == "_rollover":
		if body != nil {
			return answer(map[string]any{"old_index": "day-1", "conditions": map[string]bool{"[max_docs: 1000]": false}})
		}
		a.w.Indices[last] = true
		return answer(map[string]any{"old_index": "day-1", "new_index": last, "rolled_over": true})
	case parts[0] == "_ilm" && method == http.MethodPut:
		a.w.Admin["policy "+last] = body
	case parts[0] == "_ilm":
		return answer(map[string]any{last: a.w.Admin["policy "+last]})
	case parts[0] == "_index_template" && method == http.MethodPut:
		a.w.Admin["template "+last] = body
	case parts[0] == "_index_template" && a.w.Admin["template "+last] == nil:
		return true, &APIError{Status: http.StatusNotFound, Reason: "no such template"}
	case parts[0] == "_index_template" && method == http.MethodDelete:
		delete(a.w.Admin, "template "+last)
	case parts[0] == "_index_template":
		return answer(map[string]any{"index_templates": []any{map[string]any{"index_template": a.w.Admin["template "+last]}}})
	case last == "voting_config_exclusions" && method == http.MethodPost:
		names, _ := a.w.Admin["no vote"].([]string)
		names = append(names, strings.Split(strings.TrimPrefix(query, "node_names="), ",")...)
		a.w.Admin["no vote"] = names
	case last == "voting_config_exclusions":
		delete(a.w.Admin, "no vote")
	case parts[0] == "_cluster" && last == "metadata":
		var out []any
		names, _ := a.w.Admin["no vote"].([]string)
		for _, n := range names {
			out = append(out, map[string]any{"node_name": n})
		}
		return answer(map[string]any{"metadata": map[string]any{"cluster_coordination": map[string]any{"voting_config_exclusions": out}}})
	default:
		return false, nil
	}
	return true, nil
}

func (a worldAPI) Begin(ctx context.Context, method, path string) error {
	return a.Call(ctx, method, path, nil, nil)
}

// change adds and removes aliases as an operator's step asks for it.
func (a worldAPI) change(actions []any) error {
	for _, action := range actions {
		for op, what := range action.(map[string]any) {
			of := what.(map[string]any)
			index, alias := of["index"].(string), of["alias"].(string)
			has := a.w.Aliases[index]["aliases"]
			switch _, there := has[alias]; {
			case op == "add" && has == nil:
				a.w.Aliases[index] = map[string]map[string]any{"aliases": {alias: of}}
			case op == "add":
				has[alias] = of
			case !there:
				return &APIError{Status: http.StatusNotFound, Reason: "aliases [" + alias + "] missing"}
			default:
				delete(has, alias)
			}
		}
	}
	return nil
}

func (a worldAPI) make(index string) error {
	if a.w.Indices[index] {
		return &APIError{Status: http.StatusBadRequest, Reason: "there is an index of that name"}
	}
	a.w.Indices[index] = true
	return nil
}
