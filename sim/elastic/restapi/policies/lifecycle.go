package policies

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// lackingActions are actions of Elasticsearch's policies that the model does not carry out.
var lackingActions = []string{"shrink", "wait_for_snapshot", "searchable_snapshot", "downsample", "unfollow", "freeze"}

func policyName(p *state.Policy) string { return p.Name }

// parsePolicy reads {"policy":{"phases":…}}.
func parsePolicy(name string, body *rest.Value) *state.Policy {
	inner := body.Member("policy")
	if inner == nil {
		rest.Raise(rest.IllegalArgument("Required [policy]"))
	}
	p := &state.Policy{Name: name}
	for i := range inner.Members {
		switch m := &inner.Members[i]; m.Name {
		case "phases":
			for _, phase := range lifecycle.Phases {
				if v := m.Value.Member(phase); v != nil {
					p.Phases = append(p.Phases, parsePhase(phase, v))
				}
			}
			for k := range m.Value.Members {
				refusePhase(m.Value.Members[k].Name)
			}
		case "_meta":
			w := rest.NewWriter(false)
			w.Sep()
			w.Copy(&m.Value)
			p.Meta = w.Bytes()
		case "deprecated":
		default:
			rest.Raise(rest.UnknownField(m, "lifecycle_policy", []string{"phases", "_meta", "deprecated"}))
		}
	}
	return p
}

func refusePhase(name string) {
	switch {
	case slices.Contains(lifecycle.Phases, name):
	case name == "frozen":
		rest.Raise(rest.NotModelled("the frozen phase; the nearest that it has is cold"))
	default:
		rest.Raise(rest.IllegalArgument("Timeseries lifecycle does not support phase [%s]", name))
	}
}

func parsePhase(name string, v *rest.Value) state.Phase {
	ph := state.Phase{Name: name}
	found := map[string]state.PhaseAction{}
	for i := range v.Members {
		switch m := &v.Members[i]; m.Name {
		case "min_age":
			ph.MinAge = rest.TimeOf("min_age", m.Value.Text)
		case "actions":
			for k := range m.Value.Members {
				a := &m.Value.Members[k]
				refuseAction(name, a.Name)
				found[a.Name] = parseAction(name, a)
			}
		default:
			rest.Raise(rest.UnknownField(m, "phase", []string{"min_age", "actions"}))
		}
	}
	if _, given := found["migrate"]; !given && (name == "warm" || name == "cold") {
		// A phase of a tier moves there unless it says otherwise.
		found["migrate"] = migration(name, false)
	}
	for _, action := range lifecycle.Actions[name] {
		if a, ok := found[action]; ok {
			ph.Actions = append(ph.Actions, a)
		}
	}
	return ph
}

func refuseAction(phase, action string) {
	switch {
	case slices.Contains(lifecycle.Actions[phase], action):
	case slices.Contains(lackingActions, action):
		rest.Raise(rest.NotModelled("the action [" + action + "] of a policy; it carries out " + strings.Join(lifecycle.Actions[phase], ", ")))
	default:
		rest.Raise(rest.IllegalArgument("invalid action [%s] defined in phase [%s]", action, phase))
	}
}

func migration(phase string, disabled bool) state.PhaseAction {
	tier := lifecycle.TierOf(phase)
	return state.PhaseAction{
		Name: "migrate", Disabled: disabled, Settings: map[string]*string{settings.IndexTierPreference.Key(): &tier},
	}
}

// parseAction reads an action of a phase.
func parseAction(phase string, m *rest.Member) state.PhaseAction {
	a := state.PhaseAction{Name: m.Name}
	w := rest.NewWriter(false)
	w.Sep()
	w.Copy(&m.Value)
	a.Given = w.Bytes()
	switch m.Name {
	case "rollover":
		a.Conditions = cluster.ParseConditions(&m.Value)
		if len(a.Conditions) == 0 {
			rest.Raise(rest.IllegalArgument("At least one max_* rollover condition must be set when using min_* conditions"))
		}
	case "forcemerge":
		n := m.Value.Member("max_num_segments")
		if n == nil {
			rest.Raise(rest.IllegalArgument("Required [max_num_segments]"))
		}
		a.Segments, _ = strconv.Atoi(n.Text)
		if a.Segments <= 0 {
			rest.Raise(rest.IllegalArgument("[max_num_segments] must be a positive integer"))
		}
	case "set_priority":
		a.Settings = map[string]*string{settings.IndexPriority.Key(): nil}
		if p := m.Value.Member("priority"); p != nil && p.Kind == rest.NumberValue {
			a.Settings[settings.IndexPriority.Key()] = &p.Text
		}
	case "readonly":
		on := "true"
		a.Settings = map[string]*string{settings.IndexBlockWrite.Key(): &on}
	case "allocate":
		a.Settings = parseAllocate(&m.Value)
	case "migrate":
		off := m.Value.Member("enabled")
		given := a.Given
		a = migration(phase, off != nil && off.Text == "false")
		a.Given = given
	}
	return a
}

// parseAllocate reads replicas and filters as the settings that they are.
func parseAllocate(v *rest.Value) map[string]*string {
	set := map[string]*string{}
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "number_of_replicas":
			set[settings.IndexReplicas.Key()] = &m.Value.Text
		case "total_shards_per_node":
			set[settings.IndexShardsPerNode.Key()] = &m.Value.Text
		case "include", "exclude", "require":
			for k := range m.Value.Members {
				f := &m.Value.Members[k]
				set["index.routing.allocation."+m.Name+"."+f.Name] = &f.Value.Text
			}
		default:
			rest.Raise(rest.UnknownField(m, "allocate", []string{"number_of_replicas", "total_shards_per_node", "include", "exclude", "require"}))
		}
	}
	if len(set) == 0 {
		rest.Raise(rest.IllegalArgument("At least one of include, exclude or require or number of replicas or total shards per node must contain attributes for action allocate"))
	}
	return set
}

func preparePutPolicy(r *rest.Request) rest.Action {
	name := r.Param("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	p := parsePolicy(name, &body)
	return func(c *rest.Call) *rest.Response {
		acked, err := metadata.ChangeTemplates(c.Ctx, c.Node, "put-lifecycle-"+name, master, ack, func(st *state.State) (*state.State, error) {
			next := *p
			next.Version, next.ModifiedMillis = 1, c.Wall().UnixMilli()
			if have := st.Policy(name); have != nil {
				next.Version = have.Version + 1
			}
			return st.WithPolicy(&next), nil
		})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

func noPolicy(name string) *elastic.Error {
	return &elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "Lifecycle policy not found: " + name}
}

func prepareGetPolicies(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		found, missing := rest.Chosen(st.Policies, policyName, names)
		if len(missing) > 0 {
			rest.Raise(noPolicy(missing[0]))
		}
		w := rest.NewWriter(false)
		w.Obj()
		for _, p := range found {
			w.Object(p.Name)
			w.Int64("version", p.Version)
			w.Str("modified_date", rest.IsoMillis(time.UnixMilli(p.ModifiedMillis).UTC()))
			w.Object("policy")
			writePhases(w, p)
			w.End()
			writeUsers(w, st, p.Name)
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writePhases(w *rest.Writer, p *state.Policy) {
	w.Object("phases")
	for i := range p.Phases {
		w.Object(p.Phases[i].Name)
		writePhase(w, &p.Phases[i])
		w.End()
	}
	w.End()
	if p.Meta != nil {
		w.Raw("_meta", p.Meta)
	}
}

func writePhase(w *rest.Writer, ph *state.Phase) {
	w.Str("min_age", settings.HumanTime(ph.MinAge))
	if ph.MinAge == 0 {
		w.Buf = append(w.Buf[:len(w.Buf)-len(`"0s"`)], `"0ms"`...)
	}
	w.Object("actions")
	for _, a := range ph.Actions {
		switch {
		case a.Name == "delete":
			w.Object("delete")
			w.Bool("delete_searchable_snapshot", true)
			w.End()
		case a.Given != nil:
			w.Raw(a.Name, a.Given)
		}
	}
	w.End()
}

// writeUsers writes what uses a policy.
func writeUsers(w *rest.Writer, st *state.State, policy string) {
	var indices, streams, composable []string
	for _, m := range st.Indices {
		if lifecycle.PolicyOf(m.Settings) == policy {
			indices = append(indices, m.Name)
		}
	}
	for _, d := range st.DataStreams {
		if m := st.Index(d.WriteIndex()); m != nil && lifecycle.PolicyOf(m.Settings) == policy {
			streams = append(streams, d.Name)
		}
	}
	for _, t := range st.IndexTemplates {
		if t.Template != nil && lifecycle.PolicyOf(t.Template.Settings) == policy {
			composable = append(composable, t.Name)
		}
	}
	slices.Sort(indices)
	w.Object("in_use_by")
	w.Strs("indices", indices)
	w.Strs("data_streams", streams)
	w.Strs("composable_templates", composable)
	w.End()
}

func prepareDeletePolicy(r *rest.Request) rest.Action {
	name := r.Param("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		acked, err := metadata.ChangeTemplates(c.Ctx, c.Node, "delete-lifecycle-"+name, master, ack, func(st *state.State) (*state.State, error) {
			if st.Policy(name) == nil {
				return nil, noPolicy(name)
			}
			var by []string
			for _, m := range st.Indices {
				if lifecycle.PolicyOf(m.Settings) == name {
					by = append(by, m.Name)
				}
			}
			if len(by) > 0 {
				slices.Sort(by)
				return nil, rest.IllegalArgument("Cannot delete policy [%s]. It is in use by one or more indices: %s", name, rest.Bracketed(by))
			}
			return st.WithoutPolicy(name), nil
		})
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// prepareAgeing serves _ilm/stop and _ilm/start.
func prepareAgeing(stopped bool) func(*rest.Request) rest.Action {
	return func(r *rest.Request) rest.Action {
		ack, master := r.AckTimeout(), r.MasterTimeout()
		return func(c *rest.Call) *rest.Response {
			acked, err := metadata.ChangeTemplates(c.Ctx, c.Node, "ilm_operation_mode_update", master, ack, func(st *state.State) (*state.State, error) {
				next := st.Clone()
				next.AgeingStopped = stopped
				return next, nil
			})
			c.Check(err)
			return rest.Acknowledged(acked)
		}
	}
}

func prepareAgeingStatus(r *rest.Request) rest.Action {
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response { return rest.OperationMode(c.State(false, master).AgeingStopped) }
}
