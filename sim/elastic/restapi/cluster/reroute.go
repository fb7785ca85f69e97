package cluster

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// rerouteFields are the fields of a reroute body.
var rerouteFields = []string{"commands", "dry_run"}

func prepareReroute(r *rest.Request) rest.Action {
	q := rerouteBody{MasterTimeout: r.MasterTimeout(), AckTimeout: r.AckTimeout()}
	q.Options.DryRun = r.BoolParam("dry_run", false)
	q.Options.Explain = r.BoolParam("explain", false)
	q.Options.RetryFailed = r.BoolParam("retry_failed", false)
	metrics := r.ListParam("metric")
	flat := r.BoolParam("flat_settings", false)
	if len(r.Body) > 0 {
		body := r.JSON()
		q.parse(&body)
	}
	if metrics == nil {
		metrics = []string{"version", "master_node", "blocks", "nodes", "routing_table", "routing_nodes", "customs"}
	}
	return func(c *rest.Call) *rest.Response {
		result, err := reroute.Reroute(c.Node, c.Ctx, reroute.Request(q))
		c.Check(err)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Bool("acknowledged", result.Acked)
		if !slices.Contains(metrics, "none") {
			sel := stateRequest{metrics: metrics, options: rest.Lenient, flat: flat}
			w.Object("state")
			sel.write(w, c, result.State)
			w.End()
		}
		if q.Options.Explain {
			writeExplanations(w, result.Explanations)
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// rerouteBody is the request as the body and the parameters make it.
type rerouteBody reroute.Request

func (q *rerouteBody) parse(v *rest.Value) {
	if v.Kind != rest.ObjectValue {
		rest.Raise(rest.ContentParse(v.Line, v.Col, "[cluster_reroute] Expected START_OBJECT but was: %s", v.TokenName()))
	}
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "commands":
			q.parseCommands(&m.Value)
		case "dry_run":
			if m.Value.Kind != rest.BoolValue && m.Value.Kind != rest.StringValue {
				rest.Raise(rest.ContentParse(m.Value.Line, m.Value.Col, "[cluster_reroute] dry_run doesn't support values of type: %s", m.Value.TokenName()))
			}
			q.Options.DryRun = m.Value.Text == "true"
		default:
			rest.Raise(rest.UnknownField(m, "cluster_reroute", rerouteFields))
		}
	}
}

// inCommands wraps an error in the field that it was found in.
func inCommands(line, col int, cause *elastic.Error) *elastic.Error {
	e := rest.ContentParse(line, col, "[cluster_reroute] failed to parse field [commands]")
	e.CausedBy = cause
	return e
}

func (q *rerouteBody) parseCommands(v *rest.Value) {
	if v.Kind != rest.ArrayValue {
		rest.Raise(inCommands(v.Line, v.Col, rest.ParseException("expected either field name [commands], or start array, got [%s] instead", v.TokenName())))
	}
	for i := range v.Elements {
		e := &v.Elements[i]
		if e.Kind != rest.ObjectValue {
			rest.Raise(inCommands(e.Line, e.Col, rest.ParseException("allocation command is malformed, done parsing a command, but didn't get END_OBJECT, got [%s] instead", e.TokenName())))
		}
		if len(e.Members) == 0 {
			rest.Raise(inCommands(e.CloseLine, e.CloseCol, rest.ParseException("allocation command is malformed, done parsing a command, but didn't get END_OBJECT, got [END_OBJECT] instead")))
		}
		q.Commands = append(q.Commands, parseCommand(&e.Members[0]))
	}
}

// commandFields are the fields of each command, required first, as its messages name them.
var commandFields = map[string][]string{
	allocation.MoveCommand:                 {"index", "shard", "from_node", "to_node"},
	allocation.CancelCommand:               {"index", "shard", "node", "allow_primary"},
	allocation.AllocateReplicaCommand:      {"index", "shard", "node"},
	allocation.AllocateStalePrimaryCommand: {"index", "shard", "node", "accept_data_loss"},
	allocation.AllocateEmptyPrimaryCommand: {"index", "shard", "node", "accept_data_loss"},
}

func parseCommand(m *rest.Member) allocation.Command {
	fields, ok := commandFields[m.Name]
	if !ok {
		rest.Raise(inCommands(m.Value.Line, m.Value.Col, &elastic.Error{
			Status: 400, Type: "named_object_not_found_exception",
			Reason: "[" + strconv.Itoa(m.Value.Line) + ":" + strconv.Itoa(m.Value.Col) + "] unknown field [" + m.Name + "]",
		}))
	}
	c := allocation.Command{Kind: m.Name, Shard: -1}
	seen := map[string]bool{}
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		if !slices.Contains(fields, f.Name) {
			rest.Raise(inCommands(f.Value.Line, f.Value.Col, unknownCommandField(m.Name, f)))
		}
		seen[f.Name] = true
		setCommandField(&c, f)
	}
	for _, f := range fields {
		if seen[f] || f == "allow_primary" || f == "accept_data_loss" {
			continue
		}
		rest.Raise(inCommands(m.Value.CloseLine, m.Value.CloseCol, missingCommandField(m.Name, f)))
	}
	return c
}

// unknownCommandField: the older commands have a parser of their own, the allocate
// commands use ObjectParser.
func unknownCommandField(command string, f *rest.Member) *elastic.Error {
	if strings.HasPrefix(command, "allocate_") {
		return rest.UnknownField(f, command, commandFields[command])
	}
	return rest.ParseException("[%s] command does not support field [%s]", command, f.Name)
}

func missingCommandField(command, field string) *elastic.Error {
	if strings.HasPrefix(command, "allocate_") {
		return rest.IllegalArgument("Argument [%s] must be defined", field)
	}
	return rest.ParseException("[%s] command missing the %s parameter", command, field)
}

func setCommandField(c *allocation.Command, f *rest.Member) {
	switch f.Name {
	case "index":
		c.Index = f.Value.Text
	case "shard":
		n, err := strconv.Atoi(f.Value.Text)
		if err != nil {
			rest.Raise(inCommands(f.Value.Line, f.Value.Col, rest.NumberFormat(f.Value.Text)))
		}
		c.Shard = n
	case "node", "to_node":
		c.Node = f.Value.Text
	case "from_node":
		c.From = f.Value.Text
	case "allow_primary":
		c.AllowPrimary = f.Value.Text == "true"
	case "accept_data_loss":
		c.AcceptDataLoss = f.Value.Text == "true"
	}
}

func writeExplanations(w *rest.Writer, explanations []allocation.CommandExplanation) {
	w.Array("explanations")
	for i := range explanations {
		x := &explanations[i]
		w.Obj()
		w.Str("command", x.Command.Kind)
		w.Object("parameters")
		w.Str("index", x.Command.Index)
		w.Int("shard", x.Command.Shard)
		switch x.Command.Kind {
		case allocation.MoveCommand:
			w.Str("from_node", x.Command.From)
			w.Str("to_node", x.Command.Node)
		case allocation.CancelCommand:
			w.Str("node", x.Command.Node)
			w.Bool("allow_primary", x.Command.AllowPrimary)
		case allocation.AllocateReplicaCommand:
			w.Str("node", x.Command.Node)
		default:
			w.Str("node", x.Command.Node)
			w.Bool("accept_data_loss", x.Command.AcceptDataLoss)
		}
		w.End()
		writeDecisions(w, "decisions", x.Decisions)
		w.End()
	}
	w.End()
}

func writeDecisions(w *rest.Writer, key string, decisions []allocation.Decision) {
	w.Array(key)
	for _, d := range decisions {
		w.Obj()
		w.Str("decider", d.Decider)
		w.Str("decision", d.Verdict.String())
		w.Str("explanation", d.Explanation)
		w.End()
	}
	w.End()
}
