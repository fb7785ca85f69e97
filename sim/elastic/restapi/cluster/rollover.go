package cluster

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// rolloverBody is the body of a rollover.
type rolloverBody struct {
	conditions []state.Condition
	create     metadata.CreateIndexRequest
	changes    []change
}

func (b *rolloverBody) read(v *rest.Value) {
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "conditions":
			b.conditions = ParseConditions(&m.Value)
		case "settings":
			b.changes = Flatten("", &m.Value, nil)
		case "mappings":
			b.create.Mapping = parseMapping(&m.Value)
		case "aliases":
			b.create.Aliases = Aliases(&m.Value)
		default:
			rest.Raise(rest.UnknownField(m, "rollover", []string{"conditions", "settings", "mappings", "aliases"}))
		}
	}
}

// ParseConditions reads the conditions of a rollover, in Elasticsearch's order.
func ParseConditions(v *rest.Value) []state.Condition {
	var out []state.Condition
	for i := range v.Members {
		m := &v.Members[i]
		if !slices.Contains(lifecycle.ConditionNames(), m.Name) {
			inner := rest.UnknownField(m, "rollover_conditions", lifecycle.ConditionNames())
			rest.Raise(inField("rollover", "conditions", m.Value.Line, m.Value.Col, inner))
		}
		c := state.Condition{Name: m.Name, Value: m.Value.Text}
		if err := lifecycle.Check(c); err != nil {
			rest.Raise(inField("rollover", "conditions", m.Value.Line, m.Value.Col, inField("conditions", m.Name, m.Value.Line, m.Value.Col,
				rest.IllegalArgument("%s", err.Error()))))
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b state.Condition) int {
		return cmp.Compare(slices.Index(lifecycle.ConditionNames(), a.Name), slices.Index(lifecycle.ConditionNames(), b.Name))
	})
	return out
}

func prepareRollover(r *rest.Request) rest.Action {
	name, wanted := r.Param("index"), r.Param("new_index")
	dry := r.BoolParam("dry_run", false)
	if r.BoolParam("lazy", false) {
		rest.Raise(rest.NotModelled("lazy rollovers"))
	}
	ack, master := r.AckTimeout(), r.MasterTimeout()
	wait := r.Param("wait_for_active_shards")
	rest.CheckActiveCount(wait)
	var b rolloverBody
	if len(r.Body) > 0 {
		body := r.JSON()
		b.read(&body)
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		from, to, err := metadata.RolloverNames(st, name, rest.DateMath(wanted, c.Wall()), c.Wall())
		c.Check(err)
		if bad := rest.ValidateName(to); bad != nil {
			rest.Raise(bad)
		}
		if m := st.Index(to); m != nil {
			rest.Raise(alreadyExists(m))
		}
		figures, err := figures.RolloverFigures(c.Node, c.Ctx, from)
		c.Check(err)
		a := rolloverAnswer{from: from, to: to, dry: dry, conditions: b.conditions, figures: figures}
		if !dry && lifecycle.RollsOver(b.conditions, &figures) {
			q := metadata.Rollover{
				Name: name, From: from, To: rest.DateMath(wanted, c.Wall()), Settings: validateIndexSettings(b.changes), Mapping: b.create.Mapping,
				Aliases: b.create.Aliases, WaitForActiveShards: wait, MasterTimeout: master, AckTimeout: ack,
			}
			for _, cond := range b.conditions {
				if lifecycle.Met(cond, &figures) {
					q.Conditions = append(q.Conditions, cond)
				}
			}
			a.from, a.to, a.acked, a.shards, err = metadata.RollOver(c.Ctx, c.Node, q)
			c.Check(err)
			a.done = true
		}
		return a.response()
	}
}

// rolloverAnswer is what a rollover answers.
type rolloverAnswer struct {
	from, to                 string
	acked, shards, done, dry bool
	conditions               []state.Condition
	figures                  lifecycle.Figures
}

func (a *rolloverAnswer) response() *rest.Response {
	w := rest.NewWriter(false)
	w.Obj()
	w.Bool("acknowledged", a.acked)
	w.Bool("shards_acknowledged", a.shards)
	w.Str("old_index", a.from)
	w.Str("new_index", a.to)
	w.Bool("rolled_over", a.done)
	w.Bool("dry_run", a.dry)
	w.Bool("lazy", false)
	w.Object("conditions")
	for _, cond := range a.conditions {
		w.Bool("["+cond.Name+": "+cond.Value+"]", lifecycle.Met(cond, &a.figures))
	}
	w.End()
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}
