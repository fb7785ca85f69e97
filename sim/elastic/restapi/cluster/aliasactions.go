package cluster

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// aliasAction is an action of a request: for all indices and aliases that it names.
type aliasAction struct {
	op               metadata.AliasOp
	indices, aliases []string
	alias            state.Alias // its options
	mustExist        *bool
}

// aliasOps are the names of the actions, in the order of [elastic.AliasOp].
var aliasOps = []string{metadata.AddAlias: "add", metadata.RemoveAlias: "remove", metadata.RemoveIndex: "remove_index"}

// onAliases are where the actions look for indices: aliases are no indices here.
var onAliases = rest.IndicesOptions{AllowNone: false, Open: true, IgnoreAliases: true}

func preparePutAlias(r *rest.Request) rest.Action {
	a := aliasAction{op: metadata.AddAlias, indices: r.ListParam("index")}
	name := r.Param("name")
	a.alias.Name = name
	ack, master := r.AckTimeout(), r.MasterTimeout()
	if len(r.Body) > 0 {
		// What this form of the request does not know, is_hidden too, it passes over.
		body := r.JSON()
		for i := range body.Members {
			switch m := &body.Members[i]; m.Name {
			case "index":
				a.indices = rest.Texts(&m.Value)
			case "alias":
				name = m.Value.Text
			case "is_hidden":
			default:
				aliasOption(&a.alias, m)
			}
		}
	}
	switch {
	case len(a.indices) == 0:
		rest.Raise(rest.IllegalArgument("[indices] can't be empty"))
	case name == "":
		rest.Raise(rest.IllegalArgument("[alias] can't be empty string"))
	}
	a.aliases = []string{name}
	return changeAliases([]aliasAction{a}, master, ack)
}

func prepareDeleteAlias(r *rest.Request) rest.Action {
	a := aliasAction{op: metadata.RemoveAlias, indices: r.ListParam("index"), aliases: r.ListParam("name")}
	ack, master := r.AckTimeout(), r.MasterTimeout()
	return changeAliases([]aliasAction{a}, master, ack)
}

func preparePostAliases(r *rest.Request) rest.Action {
	ack, master := r.AckTimeout(), r.MasterTimeout()
	body := r.JSON()
	if body.Kind != rest.ObjectValue {
		rest.Raise(rest.ContentParse(body.Line, body.Col, "[aliases] Expected START_OBJECT but was: %s", body.TokenName()))
	}
	var actions []aliasAction
	for i := range body.Members {
		m := &body.Members[i]
		if m.Name != "actions" {
			rest.Raise(rest.UnknownField(m, "aliases", []string{"actions"}))
		}
		for k := range m.Value.Elements {
			actions = append(actions, parseAliasAction(&m.Value.Elements[k]))
		}
		for k := range actions {
			if bad := actions[k].check(); bad != nil {
				rest.Raise(inField("aliases", "actions", m.Value.CloseLine, m.Value.CloseCol, bad))
			}
		}
	}
	if len(actions) == 0 {
		rest.Raise(rest.IllegalArgument("No action specified"))
	}
	return changeAliases(actions, master, ack)
}

// inField wraps an error in the field that it was found in.
func inField(parser, field string, line, col int, cause *elastic.Error) *elastic.Error {
	e := rest.ContentParse(line, col, "[%s] failed to parse field [%s]", parser, field)
	e.CausedBy = cause
	return e
}

func parseAliasAction(v *rest.Value) aliasAction {
	if len(v.Members) != 1 {
		rest.Raise(inField("aliases", "actions", v.Line, v.Col, rest.IllegalArgument("Too many operations declared on operation entry")))
	}
	m := &v.Members[0]
	at := slices.Index(aliasOps, m.Name)
	if at < 0 {
		rest.Raise(inField("aliases", "actions", m.Value.Line, m.Value.Col, rest.UnknownField(m, "alias_action", aliasOps)))
	}
	a := aliasAction{op: metadata.AliasOp(at)}
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		if !a.read(f) {
			unknown := inField("alias_action", m.Name, f.Value.Line, f.Value.Col, rest.UnknownField(f, m.Name, aliasActionFields))
			rest.Raise(inField("aliases", "actions", f.Value.Line, f.Value.Col, unknown))
		}
	}
	return a
}

var aliasActionFields = []string{
	"index", "indices", "alias", "aliases", "filter", "routing", "index_routing", "search_routing", "is_write_index", "is_hidden", "must_exist",
}

// read reads a field of the action; false where the action has no such field.
func (a *aliasAction) read(m *rest.Member) bool {
	switch m.Name {
	case "index", "indices":
		a.indices = rest.Texts(&m.Value)
		return true
	case "alias", "aliases":
		a.aliases = rest.Texts(&m.Value)
		return a.op != metadata.RemoveIndex
	case "must_exist":
		on := m.Value.Text == "true"
		a.mustExist = &on
		return a.op != metadata.AddAlias
	}
	return a.op == metadata.AddAlias && aliasOption(&a.alias, m)
}

// check says what is missing (AliasActions.validate).
func (a *aliasAction) check() *elastic.Error {
	switch {
	case len(a.indices) == 0:
		return rest.IllegalArgument("One of [index] or [indices] is required")
	case len(a.aliases) == 0 && a.op != metadata.RemoveIndex:
		return rest.IllegalArgument("One of [alias] or [aliases] is required")
	}
	return nil
}

// changeAliases resolves the actions against the cluster's indices and has them done.
// Removals that find nothing are told beside the rest; when there is no rest, that is the
// refusal.
func changeAliases(actions []aliasAction, master, ack time.Duration) rest.Action {
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		var changes []metadata.AliasAction
		var named []string
		results := make([]aliasResult, len(actions))
		failed := false
		for i := range actions {
			a := &actions[i]
			results[i] = aliasResult{action: a, indices: rest.Resolve(st, a.indices, onAliases)}
			more := a.resolve(st, results[i].indices, removesIndex(actions))
			if len(more) == 0 {
				results[i].err, failed = metadata.AliasesMissing(a.aliases...), true
			}
			named = append(named, a.aliases...)
			changes = append(changes, more...)
		}
		if len(changes) == 0 {
			rest.Raise(metadata.AliasesMissing(named...))
		}
		acked, err := metadata.UpdateAliases(c.Ctx, c.Node, changes, master, ack)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("acknowledged", acked)
		w.Bool("errors", failed)
		if failed {
			writeAliasResults(w, results)
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// aliasResult is what became of an action.
type aliasResult struct {
	action  *aliasAction
	indices []string
	err     *elastic.Error
}

func writeAliasResults(w *rest.Writer, results []aliasResult) {
	w.Array("action_results")
	for i := range results {
		r := &results[i]
		w.Obj()
		w.Object("action")
		w.Str("type", aliasOps[r.action.op])
		w.Strs("indices", r.indices)
		w.Strs("aliases", r.action.aliases)
		w.End()
		status := 200
		if r.err != nil {
			status = r.err.Status
		}
		w.Int("status", status)
		if r.err != nil {
			w.Object("error")
			rest.WriteException(w, r.err, false, true)
			w.End()
		}
		w.End()
	}
	w.End()
}

// removesIndex are the names that the request frees for aliases.
func removesIndex(actions []aliasAction) []string {
	var out []string
	for i := range actions {
		if actions[i].op == metadata.RemoveIndex {
			out = append(out, actions[i].indices...)
		}
	}
	return out
}

// resolve is the action for each index and each alias that it means. Freed are names of
// indices that aliases may take.
func (a *aliasAction) resolve(st *state.State, indices, freed []string) []metadata.AliasAction {
	if a.op == metadata.AddAlias {
		for _, name := range a.aliases {
			checkNewAlias(st, name, freed)
		}
	}
	var out []metadata.AliasAction
	for _, index := range indices {
		for _, name := range a.names(st.Index(index)) {
			alias := a.alias
			alias.Name = name
			out = append(out, metadata.AliasAction{Op: a.op, Index: index, Alias: alias, MustExist: a.mustExist != nil && *a.mustExist})
		}
	}
	return out
}

// names are the aliases of one index that the action is about.
func (a *aliasAction) names(m *state.Index) []string {
	switch {
	case a.op == metadata.RemoveIndex:
		return []string{""}
	case a.op == metadata.AddAlias, a.mustExist != nil && *a.mustExist && !wildcards(a.aliases):
		return a.aliases
	}
	var out []string
	for _, alias := range SelectedAliases(m, a.aliases) {
		out = append(out, alias.Name)
	}
	return out
}
