package restapi

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
)

// Handlers raise errors where Elasticsearch throws them; [API.answer] catches them.
// A raised error never leaves the package.
type raised struct{ err *elastic.Error }

func raise(err *elastic.Error) { panic(raised{err}) }

// catch turns a raised error into a result.
func catch(err *error) {
	if r := recover(); r != nil {
		e, ok := r.(raised)
		if !ok {
			panic(r)
		}
		*err = e.err
	}
}

func illegalArgument(format string, args ...any) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: fmt.Sprintf(format, args...)}
}

func parseException(format string, args ...any) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "parse_exception", Reason: fmt.Sprintf(format, args...)}
}

func contentParse(line, col int, format string, args ...any) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "x_content_parse_exception",
		Reason: fmt.Sprintf("[%d:%d] ", line, col) + fmt.Sprintf(format, args...),
	}
}

func numberFormat(text string) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "number_format_exception", Reason: `For input string: "` + text + `"`}
}

// validationFailed is ActionRequestValidationException with its numbered list.
func validationFailed(reasons ...string) *elastic.Error {
	var b strings.Builder
	b.WriteString("Validation Failed: ")
	for i, r := range reasons {
		fmt.Fprintf(&b, "%d: %s;", i+1, r)
	}
	return &elastic.Error{Status: 400, Type: "action_request_validation_exception", Reason: b.String()}
}

// writeError writes the body of an error: {"error":{…},"status":…}.
func writeError(w *jsonWriter, err *elastic.Error, trace bool) {
	w.obj()
	w.object("error")
	roots := err.RootCause
	if roots == nil {
		roots = []*elastic.Error{rootOf(err)}
	}
	w.array("root_cause")
	for _, root := range roots {
		w.obj()
		writeException(w, root, trace, false)
		w.end()
	}
	w.end()
	writeException(w, err, trace, true)
	w.end()
	w.int("status", err.Status)
	w.end()
}

// rootOf is ExceptionsHelper.guessRootCauses: wrappers of parsing hand on what
// Elasticsearch's own exception they wrap.
func rootOf(err *elastic.Error) *elastic.Error {
	if c := err.CausedBy; c != nil && ownException(c.Type) && err.Type != "illegal_argument_exception" {
		return rootOf(c)
	}
	return err
}

// ownException reports whether a cause replaces its wrapper as the root.
func ownException(kind string) bool {
	switch kind {
	case "parse_exception", "x_content_parse_exception", "named_object_not_found_exception", "mapper_parsing_exception", "query_shard_exception",
		"document_parsing_exception", "parsing_exception":
		return true
	}
	return false
}

func writeException(w *jsonWriter, e *elastic.Error, trace, causes bool) {
	w.str("type", e.Type)
	if e.Reason == "" {
		w.null("reason")
	} else {
		w.str("reason", e.Reason)
	}
	for _, f := range e.Fields {
		writeAny(w, f.Name, f.Value)
	}
	if causes && e.CausedBy != nil {
		w.object("caused_by")
		writeException(w, e.CausedBy, trace, true)
		w.end()
	}
	if trace {
		w.str("stack_trace", stackTrace(e))
	}
}

// stackTrace stands for the Java stack, which the model does not have: the chain of
// exceptions.
func stackTrace(e *elastic.Error) string {
	text := e.Type + ": " + e.Reason
	for c := e.CausedBy; c != nil; c = c.CausedBy {
		text += "\nCaused by: " + c.Type + ": " + c.Reason
	}
	return text
}

// writeAny writes a field of an error.
func writeAny(w *jsonWriter, name string, v any) {
	switch v := v.(type) {
	case nil:
		w.null(name)
	case string:
		w.str(name, v)
	case bool:
		w.bool(name, v)
	case int:
		w.int(name, v)
	case int64:
		w.int64(name, v)
	case float64:
		w.float(name, v)
	case []string:
		w.strs(name, v)
	case []elastic.ShardFailure:
		w.array(name)
		for i := range v {
			writeShardFailure(w, &v[i], true)
		}
		w.end()
	default:
		w.str(name, fmt.Sprint(v))
	}
}

// unknownField is ObjectParser's refusal, with what resembles the name.
func unknownField(m *jsonMember, parser string, known []string) *elastic.Error {
	message := "[" + parser + "] unknown field [" + m.name + "]"
	switch similar := similarTo(m.name, known, 0.5); len(similar) {
	case 0:
	case 1:
		message += " did you mean [" + similar[0] + "]?"
	default:
		message += " did you mean any of [" + strings.Join(similar, ", ") + "]?"
	}
	return contentParse(m.line, m.col, "%s", message)
}

// notModelled is the answer to what Elasticsearch has and the simulator has not. It
// says so instead of pretending.
func notModelled(what string) *elastic.Error {
	return illegalArgument("the simulated node does not support %s", what)
}

// writeShards writes "_shards"; searches also count skipped shards.
func writeShards(w *jsonWriter, s *elastic.ShardsResult, search bool) {
	w.object("_shards")
	w.int("total", s.Total)
	w.int("successful", s.Successful)
	if search {
		w.int("skipped", s.Skipped)
	}
	w.int("failed", s.Failed)
	if len(s.Failures) > 0 {
		w.array("failures")
		for i := range s.Failures {
			writeShardFailure(w, &s.Failures[i], search)
		}
		w.end()
	}
	w.end()
}

func writeShardFailure(w *jsonWriter, f *elastic.ShardFailure, search bool) {
	w.obj()
	w.int("shard", f.Shard)
	w.str("index", f.Index)
	if search {
		w.strOrNull("node", f.Node)
	} else {
		w.str("status", f.Status)
	}
	writeCause(w, f.Reason)
	w.end()
}

func writeCause(w *jsonWriter, e *elastic.Error) {
	w.object("reason")
	if e != nil {
		writeException(w, e, false, true)
	}
	w.end()
}
