package restapi

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func preparePutRepository(r *request) action {
	repository := state.Repository{Name: r.param("repository")}
	verify, master, ack := r.boolParam("verify", true), r.masterTimeout(), r.ackTimeout()
	set := map[string]string{}
	body := r.json()
	for i := range body.members {
		switch m := &body.members[i]; m.name {
		case "type":
			repository.Type = m.value.text
		case "settings":
			if m.value.kind != objectValue {
				raise(illegalArgument("Malformed settings section, should include an inner object"))
			}
			for _, ch := range flatten("", &m.value, nil) {
				if ch.value != nil {
					set[ch.key] = *ch.value
				}
			}
		}
	}
	if repository.Type == "" {
		raise(validationFailed("type is missing"))
	}
	for _, limit := range []string{"max_snapshot_bytes_per_sec", "max_restore_bytes_per_sec"} {
		if text, ok := set[limit]; ok {
			if _, err := settings.ParseBytes(limit, text); err != nil {
				raise(illegalArgument("%s", err.Error()))
			}
		}
	}
	repository.Settings = settings.Of(set)
	return func(c *call) *response {
		acked, err := c.node.PutRepository(c.ctx, repository, master, ack)
		c.check(err)
		if verify {
			verifyRepository(c, repository.Name)
		}
		return acknowledged(acked)
	}
}

// verifyRepository has every node that could write snapshots look at the repository, and lists them.
func verifyRepository(c *call, name string) []*state.Node {
	st := c.state(false, 30*time.Second)
	if st.Repository(name) == nil {
		raise(&elastic.Error{Status: 404, Type: "repository_missing_exception", Reason: "[" + name + "] missing"})
	}
	targets := slices.DeleteFunc(slices.Clone(st.Nodes), func(n *state.Node) bool { return !isData(n) && !n.HasRole("master") })
	results, failures := fanOut(c, targets, 30*time.Second, func(n *elastic.Node) (*state.Node, error) { return n.Self(), nil })
	if len(failures) > 0 {
		raise(&elastic.Error{Status: 500, Type: "repository_verification_exception", Reason: "[" + name + "] " + failures[0].Reason})
	}
	var out []*state.Node
	for _, r := range results {
		out = append(out, r.Node)
	}
	return out
}

func prepareVerifyRepository(r *request) action {
	name := r.param("repository")
	r.masterTimeout()
	r.ackTimeout()
	return func(c *call) *response {
		w := newJSON(false)
		w.obj()
		w.object("nodes")
		for _, n := range verifyRepository(c, name) {
			w.object(n.ID)
			w.str("name", n.Name)
			w.end()
		}
		w.end()
		w.end()
		return &response{json: w.bytes()}
	}
}

func prepareGetRepositories(r *request) action {
	names := r.listParam("repository")
	local, master := r.boolParam("local", false), r.masterTimeout()
	return func(c *call) *response {
		st := c.state(local, master)
		w := newJSON(false)
		w.obj()
		for _, repository := range repositories(st, names) {
			w.object(repository.Name)
			w.str("type", repository.Type)
			writeSettings(w, "settings", repository.Settings, settings.ClusterRegistry(), true)
			w.end()
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

// repositories are those that names or patterns mean; a plain name must be there.
func repositories(st *state.State, names []string) []*state.Repository {
	if len(names) == 0 {
		return st.Repositories
	}
	var out []*state.Repository
	for _, name := range names {
		found := false
		for _, r := range st.Repositories {
			if name == "_all" || simpleMatch(name, r.Name) {
				found = true
				if !slices.Contains(out, r) {
					out = append(out, r)
				}
			}
		}
		if !found && name != "_all" && !strings.Contains(name, "*") {
			raise(&elastic.Error{Status: 404, Type: "repository_missing_exception", Reason: "[" + name + "] missing"})
		}
	}
	return out
}

func prepareDeleteRepository(r *request) action {
	names := r.listParam("repository")
	master, ack := r.masterTimeout(), r.ackTimeout()
	return func(c *call) *response {
		all := true
		for _, repository := range repositories(c.state(false, master), names) {
			acked, err := c.node.DeleteRepository(c.ctx, repository.Name, master, ack)
			c.check(err)
			all = all && acked
		}
		return acknowledged(all)
	}
}

// snapshotBody is what requests to take and to restore snapshots have in common.
type snapshotBody struct {
	indices                []string
	includeGlobal, partial bool
	opt                    indicesOptions
	pattern, replacement   string
	changes                map[string]*string
}

// readSnapshotBody reads it; names that are not known are refused where any are given.
func readSnapshotBody(r *request, global bool, known ...string) snapshotBody {
	q := snapshotBody{includeGlobal: global, opt: expandHidden}
	if len(r.body) == 0 {
		return q
	}
	body := r.json()
	for i := range body.members {
		m := &body.members[i]
		if len(known) > 0 && !slices.Contains(known, m.name) {
			raise(illegalArgument("Unknown parameter %s", m.name))
		}
		q.take(m)
	}
	return q
}

func (q *snapshotBody) take(m *jsonMember) {
	flag := func() bool {
		b, err := settings.ParseBool(m.name, m.value.text)
		if err != nil {
			raise(illegalArgument("%s", err.Error()))
		}
		return b
	}
	switch m.name {
	case "indices":
		switch m.value.kind {
		case stringValue:
			q.indices = strings.Split(m.value.text, ",")
		case arrayValue:
			for _, e := range m.value.elements {
				q.indices = append(q.indices, e.text)
			}
		default:
			raise(illegalArgument("malformed indices section, should be an array of strings"))
		}
	case "ignore_unavailable":
		q.opt.ignoreUnavailable = flag()
	case "include_global_state":
		q.includeGlobal = flag()
	case "partial":
		q.partial = flag()
	case "rename_pattern":
		q.pattern = m.value.text
	case "rename_replacement":
		q.replacement = m.value.text
	case "index_settings":
		if m.value.kind != objectValue {
			raise(illegalArgument("malformed index_settings section"))
		}
		q.changes = map[string]*string{}
		for _, ch := range normalise(flatten("", &m.value, nil)) {
			q.changes[ch.key] = ch.value
		}
	}
}

func prepareCreateSnapshot(r *request) action {
	repository, name := r.param("repository"), r.param("snapshot")
	wait, master := r.boolParam("wait_for_completion", false), r.masterTimeout()
	body := readSnapshotBody(r, true) // Elasticsearch passes over what it doesn't know here
	return func(c *call) *response {
		st := c.state(false, master)
		indices := resolve(st, body.indices, body.opt)
		slices.Sort(indices)
		uuid, err := c.node.CreateSnapshot(c.ctx, elastic.SnapshotRequest{
			Repository: repository, Name: name, Indices: indices, IncludeGlobal: body.includeGlobal, Partial: body.partial, MasterTimeout: master,
		})
		c.check(err)
		if !wait {
			return accepted()
		}
		info, err := c.node.WhenSnapshotDone(c.ctx, repository, uuid)
		c.check(err)
		if info == nil {
			raise(&elastic.Error{Status: 500, Type: "snapshot_exception", Reason: "[" + repository + ":" + name + "/" + uuid + "] Snapshot was aborted by deletion"})
		}
		w := newJSON(c.req.human())
		w.obj()
		w.key("snapshot")
		w.comma = false
		writeSnapshot(w, info)
		w.end()
		return &response{json: w.bytes()}
	}
}

func accepted() *response {
	w := newJSON(false)
	w.obj()
	w.bool("accepted", true)
	w.end()
	return &response{json: w.bytes()}
}

// chosenSnapshots are the snapshots that names or patterns mean, in order of their time.
func chosenSnapshots(c *call, repository string, names []string, lenient bool, master time.Duration) []*elastic.SnapshotInfo {
	all, err := c.node.Snapshots(c.ctx, repository, master)
	c.check(err)
	var out []*elastic.SnapshotInfo
	for _, name := range names {
		found := false
		for _, s := range all {
			if name == "_all" || name == "_current" && s.State == "IN_PROGRESS" || simpleMatch(name, s.Name) {
				found = true
				if !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
		if !found && !lenient && !strings.HasPrefix(name, "_") && !strings.Contains(name, "*") {
			raise(elastic.SnapshotMissing(repository, name))
		}
	}
	return out
}

func prepareGetSnapshots(r *request) action {
	repository, names := r.param("repository"), r.listParam("snapshot")
	lenient, master := r.boolParam("ignore_unavailable", false), r.masterTimeout()
	return func(c *call) *response {
		list := chosenSnapshots(c, repository, names, lenient, master)
		w := newJSON(c.req.human())
		w.obj()
		w.array("snapshots")
		for _, s := range list {
			w.sep()
			w.comma = false
			writeSnapshot(w, s)
		}
		w.end()
		w.int("total", len(list))
		w.int("remaining", 0)
		w.end()
		return &response{json: w.bytes()}
	}
}

func prepareSnapshotStatus(r *request) action {
	repository, names := r.param("repository"), r.listParam("snapshot")
	master := r.masterTimeout()
	return func(c *call) *response {
		if repository == "_all" {
			repository = ""
		}
		list, err := c.node.SnapshotStatuses(c.ctx, repository, names, master)
		c.check(err)
		w := newJSON(c.req.human())
		w.obj()
		w.array("snapshots")
		for i := range list {
			writeSnapshotStatus(w, &list[i])
		}
		w.end()
		w.end()
		return &response{json: w.bytes()}
	}
}

func prepareDeleteSnapshot(r *request) action {
	repository, names := r.param("repository"), r.listParam("snapshot")
	master := r.masterTimeout()
	return func(c *call) *response {
		var found []string
		for _, s := range chosenSnapshots(c, repository, names, false, master) {
			found = append(found, s.Name)
		}
		if len(found) > 0 {
			c.check(c.node.DeleteSnapshots(c.ctx, repository, found, master))
		}
		return acknowledged(true)
	}
}

func prepareRestoreSnapshot(r *request) action {
	repository, name := r.param("repository"), r.param("snapshot")
	wait, master := r.boolParam("wait_for_completion", false), r.masterTimeout()
	body := readSnapshotBody(r, false, "indices", "ignore_unavailable", "include_global_state", "include_aliases", "partial", "rename_pattern", "rename_replacement", "index_settings")
	if body.includeGlobal {
		raise(notModelled("include_global_state when restoring"))
	}
	rename := body.renamer()
	return func(c *call) *response {
		snapshot, err := c.node.FindSnapshot(c.ctx, repository, name, master)
		c.check(err)
		q := elastic.RestoreRequest{Repository: repository, Snapshot: name, Settings: body.changes, Partial: body.partial, MasterTimeout: master}
		q.Indices = within(snapshot.Indices, body.indices, body.opt.ignoreUnavailable)
		for _, index := range q.Indices {
			target := rename(index)
			if bad := validateName(target); bad != nil {
				raise(bad)
			}
			q.Targets = append(q.Targets, target)
		}
		_, err = c.node.RestoreSnapshot(c.ctx, q)
		c.check(err)
		if !wait {
			return accepted()
		}
		total, failed, err := c.node.WhenRestored(c.ctx, q.Targets)
		c.check(err)
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
		raise(&elastic.Error{Status: 400, Type: "pattern_syntax_exception", Reason: err.Error()})
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
			out = slices.DeleteFunc(out, func(n string) bool { return simpleMatch(pattern, n) })
			continue
		}
		found := false
		for _, n := range have {
			if e == "_all" || simpleMatch(e, n) {
				found = true
				out = addNew(out, n)
			}
		}
		if !found && !lenient && !strings.Contains(e, "*") {
			missing := elastic.IndexNotFound(e)
			missing.Fields = missing.Fields[2:] // without the resource
			raise(missing)
		}
	}
	return out
}

func restoredAnswer(name string, indices []string, total, failed int) *response {
	w := newJSON(false)
	w.obj()
	w.object("snapshot")
	w.str("snapshot", name)
	w.strs("indices", indices)
	w.object("shards")
	w.int("total", total)
	w.int("failed", failed)
	w.int("successful", total-failed)
	w.end()
	w.end()
	w.end()
	return &response{json: w.bytes()}
}
