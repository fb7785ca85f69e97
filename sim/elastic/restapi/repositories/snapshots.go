package repositories

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func preparePutRepository(r *rest.Request) rest.Action {
	repository := state.Repository{Name: r.Param("repository")}
	verify, master, ack := r.BoolParam("verify", true), r.MasterTimeout(), r.AckTimeout()
	set := map[string]string{}
	body := r.JSON()
	for i := range body.Members {
		switch m := &body.Members[i]; m.Name {
		case "type":
			repository.Type = m.Value.Text
		case "settings":
			if m.Value.Kind != rest.ObjectValue {
				rest.Raise(rest.IllegalArgument("Malformed settings section, should include an inner object"))
			}
			for _, ch := range cluster.Flatten("", &m.Value, nil) {
				if ch.Value != nil {
					set[ch.Key] = *ch.Value
				}
			}
		}
	}
	if repository.Type == "" {
		rest.Raise(rest.ValidationFailed("type is missing"))
	}
	for _, limit := range []string{"max_snapshot_bytes_per_sec", "max_restore_bytes_per_sec"} {
		if text, ok := set[limit]; ok {
			if _, err := settings.ParseBytes(limit, text); err != nil {
				rest.Raise(rest.IllegalArgument("%s", err.Error()))
			}
		}
	}
	repository.Settings = settings.Of(set)
	return func(c *rest.Call) *rest.Response {
		acked, err := snapshots.PutRepository(c.Ctx, c.Node, repository, master, ack)
		c.Check(err)
		if verify {
			verifyRepository(c, repository.Name)
		}
		return rest.Acknowledged(acked)
	}
}

// verifyRepository has every node that could write snapshots look at the repository, and lists them.
func verifyRepository(c *rest.Call, name string) []*state.Node {
	st := c.State(false, 30*time.Second)
	if st.Repository(name) == nil {
		rest.Raise(&elastic.Error{Status: 404, Type: "repository_missing_exception", Reason: "[" + name + "] missing"})
	}
	targets := slices.DeleteFunc(slices.Clone(st.Nodes), func(n *state.Node) bool { return !rest.IsData(n) && !n.HasRole("master") })
	results, failures := rest.FanOut(c, targets, 30*time.Second, verify{})
	if len(failures) > 0 {
		rest.Raise(&elastic.Error{Status: 500, Type: "repository_verification_exception", Reason: "[" + name + "] " + failures[0].Reason})
	}
	var out []*state.Node
	for _, r := range results {
		out = append(out, r.Node)
	}
	return out
}

// verify asks a node whether it sees the repository: one that answers does.
type verify struct{}

func (verify) Ask(n *elastic.Node) (*state.Node, error) { return n.Self(), nil }

func prepareVerifyRepository(r *rest.Request) rest.Action {
	name := r.Param("repository")
	r.MasterTimeout()
	r.AckTimeout()
	return func(c *rest.Call) *rest.Response {
		w := rest.NewWriter(false)
		w.Obj()
		w.Object("nodes")
		for _, n := range verifyRepository(c, name) {
			w.Object(n.ID)
			w.Str("name", n.Name)
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareGetRepositories(r *rest.Request) rest.Action {
	names := r.ListParam("repository")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		w := rest.NewWriter(false)
		w.Obj()
		for _, repository := range Repositories(st, names) {
			w.Object(repository.Name)
			w.Str("type", repository.Type)
			cluster.WriteSettings(w, "settings", repository.Settings, settings.ClusterRegistry(), true)
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// Repositories are those that names or patterns mean; a plain name must be there.
func Repositories(st *state.State, names []string) []*state.Repository {
	if len(names) == 0 {
		return st.Repositories
	}
	var out []*state.Repository
	for _, name := range names {
		found := false
		for _, r := range st.Repositories {
			if name == "_all" || rest.SimpleMatch(name, r.Name) {
				found = true
				if !slices.Contains(out, r) {
					out = append(out, r)
				}
			}
		}
		if !found && name != "_all" && !strings.Contains(name, "*") {
			rest.Raise(&elastic.Error{Status: 404, Type: "repository_missing_exception", Reason: "[" + name + "] missing"})
		}
	}
	return out
}

func prepareDeleteRepository(r *rest.Request) rest.Action {
	names := r.ListParam("repository")
	master, ack := r.MasterTimeout(), r.AckTimeout()
	return func(c *rest.Call) *rest.Response {
		all := true
		for _, repository := range Repositories(c.State(false, master), names) {
			acked, err := snapshots.DeleteRepository(c.Ctx, c.Node, repository.Name, master, ack)
			c.Check(err)
			all = all && acked
		}
		return rest.Acknowledged(all)
	}
}

// snapshotBody is what requests to take and to restore snapshots have in common.
type snapshotBody struct {
	indices                []string
	includeGlobal, partial bool
	withoutAliases         bool
	opt                    rest.IndicesOptions
	pattern, replacement   string
	changes                map[string]*string
	metadata               []byte // JSON that the taker puts at a snapshot
}

// readSnapshotBody reads it; names that are not known are refused where any are given.
func readSnapshotBody(r *rest.Request, global bool, known ...string) snapshotBody {
	q := snapshotBody{includeGlobal: global, opt: rest.ExpandHidden}
	if len(r.Body) == 0 {
		return q
	}
	body := r.JSON()
	for i := range body.Members {
		m := &body.Members[i]
		if len(known) > 0 && !slices.Contains(known, m.Name) {
			rest.Raise(rest.IllegalArgument("Unknown parameter %s", m.Name))
		}
		q.take(m)
	}
	return q
}

func (q *snapshotBody) take(m *rest.Member) {
	flag := func() bool {
		b, err := settings.ParseBool(m.Name, m.Value.Text)
		if err != nil {
			rest.Raise(rest.IllegalArgument("%s", err.Error()))
		}
		return b
	}
	switch m.Name {
	case "indices":
		switch m.Value.Kind {
		case rest.StringValue:
			q.indices = strings.Split(m.Value.Text, ",")
		case rest.ArrayValue:
			for _, e := range m.Value.Elements {
				q.indices = append(q.indices, e.Text)
			}
		default:
			rest.Raise(rest.IllegalArgument("malformed indices section, should be an array of strings"))
		}
	case "ignore_unavailable":
		q.opt.IgnoreUnavailable = flag()
	case "include_global_state":
		q.includeGlobal = flag()
	case "include_aliases":
		q.withoutAliases = !flag()
	case "partial":
		q.partial = flag()
	case "metadata":
		if m.Value.Kind != rest.ObjectValue {
			rest.Raise(rest.IllegalArgument("malformed metadata, should be an object"))
		}
		w := rest.NewWriter(false)
		w.Sep()
		w.Copy(&m.Value)
		q.metadata = w.Bytes()
	case "rename_pattern":
		q.pattern = m.Value.Text
	case "rename_replacement":
		q.replacement = m.Value.Text
	case "index_settings":
		if m.Value.Kind != rest.ObjectValue {
			rest.Raise(rest.IllegalArgument("malformed index_settings section"))
		}
		q.changes = map[string]*string{}
		for _, ch := range cluster.Normalise(cluster.Flatten("", &m.Value, nil)) {
			q.changes[ch.Key] = ch.Value
		}
	}
}

func prepareCreateSnapshot(r *rest.Request) rest.Action {
	repository, name := r.Param("repository"), r.Param("snapshot")
	wait, master := r.BoolParam("wait_for_completion", false), r.MasterTimeout()
	body := readSnapshotBody(r, true) // Elasticsearch passes over what it doesn't know here
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		indices := rest.Resolve(st, body.indices, body.opt)
		slices.Sort(indices)
		uuid, err := snapshots.Create(c.Ctx, c.Node, snapshots.CreateRequest{
			Repository: repository, Name: name, Indices: indices, IncludeGlobal: body.includeGlobal, Partial: body.partial, Metadata: body.metadata,
			MasterTimeout: master,
		})
		c.Check(err)
		if !wait {
			return accepted()
		}
		info, err := snapshots.WhenDone(c.Ctx, c.Node, repository, uuid)
		c.Check(err)
		if info == nil {
			rest.Raise(&elastic.Error{Status: 500, Type: "snapshot_exception", Reason: "[" + repository + ":" + name + "/" + uuid + "] Snapshot was aborted by deletion"})
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Key("snapshot")
		w.Comma = false
		writeSnapshot(w, info, true)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func accepted() *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	w.Bool("accepted", true)
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

// ChosenSnapshots are the snapshots that names or patterns mean, in order of their time.
func ChosenSnapshots(c *rest.Call, repository string, names []string, lenient bool, master time.Duration) []*snapshots.Snapshot {
	all, err := snapshots.List(c.Ctx, c.Node, repository, master)
	c.Check(err)
	var out []*snapshots.Snapshot
	for _, name := range names {
		found := false
		for _, s := range all {
			if name == "_all" || name == "_current" && s.State == "IN_PROGRESS" || rest.SimpleMatch(name, s.Name) {
				found = true
				if !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
		if !found && !lenient && !strings.HasPrefix(name, "_") && !strings.Contains(name, "*") {
			rest.Raise(snapshots.Missing(repository, name))
		}
	}
	return out
}

func prepareGetSnapshots(r *rest.Request) rest.Action {
	repository, names := r.Param("repository"), r.ListParam("snapshot")
	lenient, master := r.BoolParam("ignore_unavailable", false), r.MasterTimeout()
	verbose := r.BoolParam("verbose", true)
	return func(c *rest.Call) *rest.Response {
		list := ChosenSnapshots(c, repository, names, lenient, master)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Array("snapshots")
		for _, s := range list {
			w.Sep()
			w.Comma = false
			writeSnapshot(w, s, verbose)
		}
		w.End()
		w.Int("total", len(list))
		w.Int("remaining", 0)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareSnapshotStatus(r *rest.Request) rest.Action {
	repository, names := r.Param("repository"), r.ListParam("snapshot")
	lenient, master := r.BoolParam("ignore_unavailable", false), r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		if repository == "_all" {
			repository = ""
		}
		list, err := snapshots.Statuses(c.Ctx, c.Node, repository, names, lenient, master)
		c.Check(err)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Array("snapshots")
		for i := range list {
			writeSnapshotStatus(w, &list[i])
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareDeleteSnapshot(r *rest.Request) rest.Action {
	repository, names := r.Param("repository"), r.ListParam("snapshot")
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		var found []string
		for _, s := range ChosenSnapshots(c, repository, names, false, master) {
			found = append(found, s.Name)
		}
		if len(found) > 0 {
			c.Check(snapshots.Delete(c.Ctx, c.Node, repository, found, master))
		}
		return rest.Acknowledged(true)
	}
}

func prepareRestoreSnapshot(r *rest.Request) rest.Action {
	repository, name := r.Param("repository"), r.Param("snapshot")
	wait, master := r.BoolParam("wait_for_completion", false), r.MasterTimeout()
	body := readSnapshotBody(r, false, "indices", "ignore_unavailable", "include_global_state", "include_aliases", "partial", "rename_pattern", "rename_replacement", "index_settings")
	if body.includeGlobal {
		rest.Raise(rest.NotModelled("include_global_state when restoring"))
	}
	rename := body.renamer()
	return func(c *rest.Call) *rest.Response {
		snapshot, err := snapshots.Find(c.Ctx, c.Node, repository, name, master)
		c.Check(err)
		q := snapshots.RestoreRequest{Repository: repository, Snapshot: name, Settings: body.changes, Partial: body.partial, WithoutAliases: body.withoutAliases, MasterTimeout: master}
		q.Indices = within(snapshot.Indices, body.indices, body.opt.IgnoreUnavailable)
		for _, index := range q.Indices {
			target := rename(index)
			if bad := rest.ValidateName(target); bad != nil {
				rest.Raise(bad)
			}
			q.Targets = append(q.Targets, target)
		}
		_, err = snapshots.Restore(c.Ctx, c.Node, q)
		c.Check(err)
		if !wait {
			return accepted()
		}
		total, failed, err := snapshots.WhenRestored(c.Ctx, c.Node, q.Targets)
		c.Check(err)
		return restoredAnswer(name, q.Targets, total, failed)
	}
}

// renamer is how the restored indices are called.
func (q *snapshotBody) renamer() func(string) string {
	if q.pattern == "" || q.replacement == "" {
		return func(name string) string { return name }
	}
	pattern, err := regexp.Compile(q.pattern)
	if err != nil {
		rest.Raise(&elastic.Error{Status: 400, Type: "pattern_syntax_exception", Reason: err.Error()})
	}
	// $1 ends after its digits, as in Java.
	replacement := regexp.MustCompile(`\$(\d+)`).ReplaceAllString(q.replacement, "$${$1}")
	return func(name string) string { return pattern.ReplaceAllString(name, replacement) }
}

// within resolves index expressions among the indices of a snapshot.
func within(have, expressions []string, lenient bool) []string {
	if len(expressions) == 0 {
		return have
	}
	var out []string
	for _, e := range expressions {
		exclude, pattern := strings.HasPrefix(e, "-"), strings.TrimPrefix(e, "-")
		if exclude {
			out = slices.DeleteFunc(out, func(n string) bool { return rest.SimpleMatch(pattern, n) })
			continue
		}
		found := false
		for _, n := range have {
			if e == "_all" || rest.SimpleMatch(e, n) {
				found = true
				out = rest.AddNew(out, n)
			}
		}
		if !found && !lenient && !strings.Contains(e, "*") {
			missing := elastic.IndexNotFound(e)
			missing.Fields = missing.Fields[2:] // without the resource
			rest.Raise(missing)
		}
	}
	return out
}

func restoredAnswer(name string, indices []string, total, failed int) *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	w.Object("snapshot")
	w.Str("snapshot", name)
	w.Strs("indices", indices)
	w.Object("shards")
	w.Int("total", total)
	w.Int("failed", failed)
	w.Int("successful", total-failed)
	w.End()
	w.End()
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

// prepareCleanup serves _cleanup: repositories keep nothing that no snapshot needs.
func prepareCleanup(r *rest.Request) rest.Action {
	name, master := r.Param("repository"), r.MasterTimeout()
	r.AckTimeout()
	return func(c *rest.Call) *rest.Response {
		Repositories(c.State(false, master), []string{name})
		w := rest.NewWriter(false)
		w.Obj()
		w.Object("results")
		w.Int("deleted_bytes", 0)
		w.Int("deleted_blobs", 0)
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
