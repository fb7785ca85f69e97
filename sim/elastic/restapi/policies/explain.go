package policies

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func prepareExplainAgeing(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	onlyManaged, onlyErrors := r.BoolParam("only_managed", false), r.BoolParam("only_errors", false)
	master := r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandHidden)
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Object("indices")
		for _, name := range rest.Resolve(st, names, opt) {
			m := st.Index(name)
			policy := lifecycle.PolicyOf(m.Settings)
			failed := m.Lifecycle != nil && m.Lifecycle.Info != ""
			if onlyManaged && policy == "" || onlyErrors && !failed {
				continue
			}
			w.Object(name)
			w.Str("index", name)
			w.Bool("managed", policy != "")
			if policy != "" {
				writeAgeing(w, st, m, policy, c.Wall())
			}
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeAgeing(w *rest.Writer, st *state.State, m *state.Index, policy string, now time.Time) {
	date := func(key string, millis int64) { w.Timestamp(key+"_millis", key, time.UnixMilli(millis).UTC()) }
	since := func(millis int64) string { return settings.HumanTime(now.Sub(time.UnixMilli(millis).UTC())) }
	w.Str("policy", policy)
	date("index_creation_date", m.CreationDate)
	w.Str("time_since_index_creation", since(m.CreationDate))
	l := m.Lifecycle
	if l == nil {
		return
	}
	date("lifecycle_date", lifecycle.Since(m))
	w.Str("age", since(lifecycle.Since(m)))
	w.Str("phase", l.Phase)
	date("phase_time", l.PhaseMillis)
	w.Str("action", l.Action)
	date("action_time", l.ActionMillis)
	step := l.Step
	if l.Info != "" {
		step = "ERROR"
	}
	w.Str("step", step)
	date("step_time", l.StepMillis)
	if l.Info != "" {
		w.Str("failed_step", l.FailedStep)
		w.Object("step_info")
		w.Str("reason", l.Info)
		w.End()
	}
	p := st.Policy(policy)
	if p == nil {
		return
	}
	w.Object("phase_execution")
	w.Str("policy", policy)
	if ph := p.Phase(l.Phase); ph != nil {
		w.Object("phase_definition")
		writePhase(w, ph)
		w.End()
	}
	w.Int64("version", l.PolicyVersion)
	w.Int64("modified_date_in_millis", l.PolicyModified)
	w.End()
}
