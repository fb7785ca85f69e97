package policies

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshotpolicies"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

var policyFields = []string{"schedule", "name", "repository", "config", "retention"}

func preparePut(r *rest.Request) rest.Action {
	p := state.SnapshotPolicy{Name: r.Param("name"), IncludeGlobal: true}
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	for i := range body.Members {
		readField(&p, &body.Members[i])
	}
	var lacking []string
	for _, f := range []struct{ name, text string }{{"name", p.Snapshot}, {"schedule", p.Schedule}, {"repository", p.Repository}} {
		if f.text == "" {
			lacking = append(lacking, f.name)
		}
	}
	if len(lacking) > 0 {
		rest.Raise(rest.IllegalArgument("Required [%s]", strings.Join(lacking, ", ")))
	}
	return func(c *rest.Call) *rest.Response {
		if wrong := snapshotpolicies.Check(&p, c.Wall()); len(wrong) > 0 {
			rest.Raise(rest.ValidationFailed(wrong...))
		}
		acked, err := snapshotpolicies.Put(c.Ctx, c.Node, p, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

func readField(p *state.SnapshotPolicy, m *rest.Member) {
	switch m.Name {
	case "schedule":
		p.Schedule = m.Value.Text
	case "name":
		p.Snapshot = m.Value.Text
	case "repository":
		p.Repository = m.Value.Text
	case "config":
		p.Config = textOf(&m.Value)
		for i := range m.Value.Members {
			readConfig(p, &m.Value.Members[i])
		}
	case "retention":
		p.Retention = readRetention(&m.Value)
	default:
		rest.Raise(rest.UnknownField(m, "snapshot_lifecycle", policyFields))
	}
}

func textOf(v *rest.Value) []byte {
	w := rest.NewWriter(false)
	w.Sep()
	w.Copy(v)
	return w.Bytes()
}

// readConfig reads what the snapshots of a policy are taken of.
func readConfig(p *state.SnapshotPolicy, m *rest.Member) {
	flag := func() bool {
		b, err := settings.ParseBool(m.Name, m.Value.Text)
		if err != nil {
			rest.Raise(rest.IllegalArgument("%s", err.Error()))
		}
		return b
	}
	switch m.Name {
	case "indices":
		for _, text := range rest.Texts(&m.Value) {
			p.Indices = append(p.Indices, strings.Split(text, ",")...)
		}
	case "ignore_unavailable":
		p.Lenient = flag()
	case "include_global_state":
		p.IncludeGlobal = flag()
	case "partial":
		p.Partial = flag()
	case "metadata":
		if m.Value.Kind != rest.ObjectValue {
			rest.Raise(rest.IllegalArgument("malformed metadata, should be an object"))
		}
		if m.Value.Member("policy") != nil {
			rest.Raise(rest.ValidationFailed("invalid configuration: field name [policy] is reserved and will be added automatically"))
		}
		p.Metadata = textOf(&m.Value)
	default:
		rest.Raise(rest.NotModelled("[" + m.Name + "] in the config of a snapshot policy; it has indices, ignore_unavailable, include_global_state, partial and metadata"))
	}
}

func readRetention(v *rest.Value) *state.Retention {
	out := &state.Retention{}
	for i := range v.Members {
		switch m := &v.Members[i]; m.Name {
		case "expire_after":
			d := rest.TimeOf("expire_after", m.Value.Text)
			out.ExpireAfter = &d
		case "min_count":
			out.Least = count(m)
		case "max_count":
			out.Most = count(m)
		default:
			rest.Raise(rest.UnknownField(m, "snapshot_retention", []string{"expire_after", "min_count", "max_count"}))
		}
	}
	if out.Least != nil && out.Most != nil && *out.Least > *out.Most {
		rest.Raise(rest.IllegalArgument("minimum snapshot count %d cannot be larger than maximum snapshot count %d", *out.Least, *out.Most))
	}
	return out
}

func count(m *rest.Member) *int {
	n, err := settings.ParseLong(1, 1<<31-1)(m.Name, m.Value.Text)
	if err != nil {
		rest.Raise(rest.IllegalArgument("%simum snapshot count must be at least 1, but was: %s", strings.TrimSuffix(m.Name, "_count"), m.Value.Text))
	}
	i := int(n)
	return &i
}

func prepareGet(r *rest.Request) rest.Action {
	names := r.ListParam("name")
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		found := 0
		for _, p := range st.SnapshotPolicies {
			if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return rest.SimpleMatch(n, p.Name) }) {
				found++
				writePolicy(w, p, c.Wall())
			}
		}
		if found == 0 && len(names) > 0 && !rest.HasWildcard(names[0]) {
			rest.Raise(snapshotpolicies.Missing(st, names))
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writePolicy(w *rest.Writer, p *state.SnapshotPolicy, now time.Time) {
	moment := func(key string, millis int64) { w.Timestamp(key+"_millis", key, time.UnixMilli(millis).UTC()) }
	w.Object(p.Name)
	w.Int64("version", p.Version)
	moment("modified_date", p.ModifiedMillis)
	w.Object("policy")
	w.Str("name", p.Snapshot)
	w.Str("schedule", p.Schedule)
	w.Str("repository", p.Repository)
	if p.Config != nil {
		w.Raw("config", p.Config)
	}
	if p.Retention != nil {
		writeRetention(w, p.Retention)
	}
	w.End()
	for _, run := range []struct {
		name string
		of   *state.SnapshotRun
	}{{"last_success", p.LastSuccess}, {"last_failure", p.LastFailure}} {
		if run.of == nil {
			continue
		}
		w.Object(run.name)
		w.Str("snapshot_name", run.of.Snapshot)
		w.Timestamp("start_time", "start_time_string", time.UnixMilli(run.of.StartMillis).UTC())
		w.Timestamp("time", "time_string", time.UnixMilli(run.of.FinishMillis).UTC())
		if run.of.Failure != "" {
			w.Str("details", run.of.Failure)
		}
		w.End()
	}
	if next := snapshotpolicies.NextRun(p, now); !next.IsZero() {
		moment("next_execution", next.UnixMilli())
	}
	if p.Running != nil {
		w.Object("in_progress")
		w.Str("name", p.Running.Snapshot)
		w.Str("uuid", p.Running.UUID)
		w.Str("state", "STARTED")
		moment("start_time", p.Running.StartMillis)
		w.End()
	}
	w.Object("stats")
	writeCounts(w, p)
	w.End()
	w.End()
}

func writeRetention(w *rest.Writer, r *state.Retention) {
	w.Object("retention")
	if r.ExpireAfter != nil {
		w.Str("expire_after", settings.HumanTime(*r.ExpireAfter))
	}
	if r.Least != nil {
		w.Int("min_count", *r.Least)
	}
	if r.Most != nil {
		w.Int("max_count", *r.Most)
	}
	w.End()
}

func writeCounts(w *rest.Writer, p *state.SnapshotPolicy) {
	w.Str("policy", p.Name)
	w.Int64("snapshots_taken", p.Taken)
	w.Int64("snapshots_failed", p.Failed)
	w.Int64("snapshots_deleted", p.Deleted)
	w.Int64("snapshot_deletion_failures", p.NotDeleted)
}

func prepareDelete(r *rest.Request) rest.Action {
	name := r.Param("name")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		acked, err := snapshotpolicies.Delete(c.Ctx, c.Node, name, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

func prepareExecute(r *rest.Request) rest.Action {
	name := r.Param("name")
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		snapshot, err := snapshotpolicies.Execute(c.Ctx, c.Node, name, master)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Str("snapshot_name", snapshot)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareRetention(r *rest.Request) rest.Action {
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		c.Check(snapshotpolicies.ExecuteRetention(c.Ctx, c.Node, master))
		return rest.Acknowledged(true)
	}
}

func prepareStopped(stopped bool) func(*rest.Request) rest.Action {
	return func(r *rest.Request) rest.Action {
		ack, master := r.AckTimeout(), r.MasterTimeout()
		return func(c *rest.Call) *rest.Response {
			acked, err := snapshotpolicies.SetStopped(c.Ctx, c.Node, stopped, master, ack)
			c.Check(err)
			return rest.Acknowledged(acked)
		}
	}
}

func prepareStatus(r *rest.Request) rest.Action {
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		return rest.OperationMode(c.State(false, master).SnapshotPoliciesStopped)
	}
}

func prepareStats(r *rest.Request) rest.Action {
	r.AckTimeout()
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		var all state.SnapshotPolicy
		for _, p := range st.SnapshotPolicies {
			all.Taken += p.Taken
			all.Failed += p.Failed
			all.Deleted += p.Deleted
			all.NotDeleted += p.NotDeleted
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Int64("retention_runs", st.SnapshotRetentions.Runs)
		w.Int64("retention_failed", st.SnapshotRetentions.Failed)
		w.Int("retention_timed_out", 0)
		w.Str("retention_deletion_time", settings.HumanTime(st.SnapshotRetentions.Took.Truncate(time.Millisecond)))
		w.Int64("retention_deletion_time_millis", st.SnapshotRetentions.Took.Milliseconds())
		w.Int64("total_snapshots_taken", all.Taken)
		w.Int64("total_snapshots_failed", all.Failed)
		w.Int64("total_snapshots_deleted", all.Deleted)
		w.Int64("total_snapshot_deletion_failures", all.NotDeleted)
		w.Array("policy_stats")
		for _, p := range st.SnapshotPolicies {
			w.Obj()
			writeCounts(w, p)
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
