package restapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
)

// rerouteFields are the fields of a reroute body.
var rerouteFields = []string{"commands", "dry_run"}

func prepareReroute(r *request) action {
	q := rerouteBody{MasterTimeout: r.masterTimeout(), AckTimeout: r.ackTimeout()}
	q.Options.DryRun = r.boolParam("dry_run", false)
	q.Options.Explain = r.boolParam("explain", false)
	q.Options.RetryFailed = r.boolParam("retry_failed", false)
	metrics := r.listParam("metric")
	flat := r.boolParam("flat_settings", false)
	if len(r.body) > 0 {
		body := r.json()
		q.parse(&body)
	}
	if metrics == nil {
		metrics = []string{"version", "master_node", "blocks", "nodes", "routing_table", "routing_nodes", "customs"}
	}
	return func(c *call) *response {
		result, err := c.node.Reroute(c.ctx, elastic.RerouteRequest(q))
		c.check(err)
		w := newJSON(c.req.human())
		w.obj()
		w.bool("acknowledged", result.Acked)
		if !slices.Contains(metrics, "none") {
			sel := stateRequest{metrics: metrics, options: lenient, flat: flat}
			w.object("state")
			sel.write(w, c, result.State)
			w.end()
		}
		if q.Options.Explain {
			writeExplanations(w, result.Explanations)
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

// rerouteBody is the request as the body and the parameters make it.
type rerouteBody elastic.RerouteRequest

func (q *rerouteBody) parse(v *jsonValue) {
	if v.kind != objectValue {
		raise(contentParse(v.line, v.col, "[cluster_reroute] Expected START_OBJECT but was: %s", v.tokenName()))
	}
	for i := range v.members {
		m := &v.members[i]
		switch m.name {
		case "commands":
			q.parseCommands(&m.value)
		case "dry_run":
			if m.value.kind != boolValue && m.value.kind != stringValue {
				raise(contentParse(m.value.line, m.value.col, "[cluster_reroute] dry_run doesn't support values of type: %s", m.value.tokenName()))
			}
			q.Options.DryRun = m.value.text == "true"
		default:
			raise(unknownField(m, "cluster_reroute", rerouteFields))
		}
	}
}

// inCommands wraps an error in the field that it was found in.
func inCommands(line, col int, cause *elastic.Error) *elastic.Error {
	e := contentParse(line, col, "[cluster_reroute] failed to parse field [commands]")
	e.CausedBy = cause
	return e
}

func (q *rerouteBody) parseCommands(v *jsonValue) {
	if v.kind != arrayValue {
		raise(inCommands(v.line, v.col, parseException("expected either field name [commands], or start array, got [%s] instead", v.tokenName())))
	}
	for i := range v.elements {
		e := &v.elements[i]
		if e.kind != objectValue {
			raise(inCommands(e.line, e.col, parseException("allocation command is malformed, done parsing a command, but didn't get END_OBJECT, got [%s] instead", e.tokenName())))
		}
		if len(e.members) == 0 {
			raise(inCommands(e.closeLine, e.closeCol, parseException("allocation command is malformed, done parsing a command, but didn't get END_OBJECT, got [END_OBJECT] instead")))
		}
		q.Commands = append(q.Commands, parseCommand(&e.members[0]))
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

func parseCommand(m *jsonMember) allocation.Command {
	fields, ok := commandFields[m.name]
	if !ok {
		raise(inCommands(m.value.line, m.value.col, &elastic.Error{
			Status: 400, Type: "named_object_not_found_exception",
			Reason: "[" + strconv.Itoa(m.value.line) + ":" + strconv.Itoa(m.value.col) + "] unknown field [" + m.name + "]",
		}))
	}
	c := allocation.Command{Kind: m.name, Shard: -1}
	seen := map[string]bool{}
	for i := range m.value.members {
		f := &m.value.members[i]
		if !slices.Contains(fields, f.name) {
			raise(inCommands(f.value.line, f.value.col, unknownCommandField(m.name, f)))
		}
		seen[f.name] = true
		setCommandField(&c, f)
	}
	for _, f := range fields {
		if seen[f] || f == "allow_primary" || f == "accept_data_loss" {
			continue
		}
		raise(inCommands(m.value.closeLine, m.value.closeCol, missingCommandField(m.name, f)))
	}
	return c
}

// unknownCommandField: the older commands have a parser of their own, the allocate
// commands use ObjectParser.
func unknownCommandField(command string, f *jsonMember) *elastic.Error {
	if strings.HasPrefix(command, "allocate_") {
		return unknownField(f, command, commandFields[command])
	}
	return parseException("[%s] command does not support field [%s]", command, f.name)
}

func missingCommandField(command, field string) *elastic.Error {
	if strings.HasPrefix(command, "allocate_") {
		return illegalArgument("Argument [%s] must be defined", field)
	}
	return parseException("[%s] command missing the %s parameter", command, field)
}

func setCommandField(c *allocation.Command, f *jsonMember) {
	switch f.name {
	case "index":
		c.Index = f.value.text
	case "shard":
		n, err := strconv.Atoi(f.value.text)
		if err != nil {
			raise(inCommands(f.value.line, f.value.col, numberFormat(f.value.text)))
		}
		c.Shard = n
	case "node", "to_node":
		c.Node = f.value.text
	case "from_node":
		c.From = f.value.text
	case "allow_primary":
		c.AllowPrimary = f.value.text == "true"
	case "accept_data_loss":
		c.AcceptDataLoss = f.value.text == "true"
	}
}

func writeExplanations(w *jsonWriter, explanations []allocation.CommandExplanation) {
	w.array("explanations")
	for i := range explanations {
		x := &explanations[i]
		w.obj()
		w.str("command", x.Command.Kind)
		w.object("parameters")
		w.str("index", x.Command.Index)
		w.int("shard", x.Command.Shard)
		switch x.Command.Kind {
		case allocation.MoveCommand:
			w.str("from_node", x.Command.From)
			w.str("to_node", x.Command.Node)
		case allocation.CancelCommand:
			w.str("node", x.Command.Node)
			w.bool("allow_primary", x.Command.AllowPrimary)
		case allocation.AllocateReplicaCommand:
			w.str("node", x.Command.Node)
		default:
			w.str("node", x.Command.Node)
			w.bool("accept_data_loss", x.Command.AcceptDataLoss)
		}
		w.end()
		writeDecisions(w, "decisions", x.Decisions)
		w.end()
	}
	w.end()
}

func writeDecisions(w *jsonWriter, key string, decisions []allocation.Decision) {
	w.array(key)
	for _, d := range decisions {
		w.obj()
		w.str("decider", d.Decider)
		w.str("decision", d.Verdict.String())
		w.str("explanation", d.Explanation)
		w.end()
	}
	w.end()
}
