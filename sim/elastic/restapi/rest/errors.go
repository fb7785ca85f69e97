package rest

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
)

// Handlers raise errors where Elasticsearch throws them; [API.answer] catches them.
// A raised error never leaves the package.
type Raised struct{ Err *elastic.Error }

func Raise(err *elastic.Error) { panic(Raised{err}) }

// Catch turns a raised error into a result.
func Catch(err *error) {
	if r := recover(); r != nil {
		e, ok := r.(Raised)
		if !ok {
			panic(r)
		}
		*err = e.Err
	}
}

func IllegalArgument(format string, args ...any) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: fmt.Sprintf(format, args...)}
}

func ParseException(format string, args ...any) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "parse_exception", Reason: fmt.Sprintf(format, args...)}
}

func ContentParse(line, col int, format string, args ...any) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "x_content_parse_exception",
		Reason: fmt.Sprintf("[%d:%d] ", line, col) + fmt.Sprintf(format, args...),
	}
}

func NumberFormat(text string) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "number_format_exception", Reason: `For input string: "` + text + `"`}
}

// ValidationFailed is ActionRequestValidationException with its numbered list.
func ValidationFailed(reasons ...string) *elastic.Error {
	var b strings.Builder
	b.WriteString("Validation Failed: ")
	for i, r := range reasons {
		fmt.Fprintf(&b, "%d: %s;", i+1, r)
	}
	return &elastic.Error{Status: 400, Type: "action_request_validation_exception", Reason: b.String()}
}

// WriteError writes the body of an error: {"error":{…},"status":…}.
func WriteError(w *Writer, err *elastic.Error, trace bool) {
	w.Obj()
	w.Object("error")
	roots := err.RootCause
	if roots == nil {
		roots = []*elastic.Error{rootOf(err)}
	}
	w.Array("root_cause")
	for _, root := range roots {
		w.Obj()
		WriteException(w, root, trace, false)
		w.End()
	}
	w.End()
	WriteException(w, err, trace, true)
	w.End()
	w.Int("status", err.Status)
	w.End()
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

func WriteException(w *Writer, e *elastic.Error, trace, causes bool) {
	w.Str("type", e.Type)
	if e.Reason == "" {
		w.Null("reason")
	} else {
		w.Str("reason", e.Reason)
	}
	for _, f := range e.Fields {
		writeAny(w, f.Name, f.Value)
	}
	if causes && e.CausedBy != nil {
		w.Object("caused_by")
		WriteException(w, e.CausedBy, trace, true)
		w.End()
	}
	if trace {
		w.Str("stack_trace", stackTrace(e))
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
func writeAny(w *Writer, name string, v any) {
	switch v := v.(type) {
	case nil:
		w.Null(name)
	case string:
		w.Str(name, v)
	case bool:
		w.Bool(name, v)
	case int:
		w.Int(name, v)
	case int64:
		w.Int64(name, v)
	case float64:
		w.Float(name, v)
	case []string:
		w.Strs(name, v)
	case []elastic.ShardFailure:
		w.Array(name)
		for i := range v {
			writeShardFailure(w, &v[i], true)
		}
		w.End()
	default:
		w.Str(name, fmt.Sprint(v))
	}
}

// UnknownField is ObjectParser's refusal, with what resembles the name.
func UnknownField(m *Member, parser string, known []string) *elastic.Error {
	message := "[" + parser + "] unknown field [" + m.Name + "]"
	switch similar := SimilarTo(m.Name, known, 0.5); len(similar) {
	case 0:
	case 1:
		message += " did you mean [" + similar[0] + "]?"
	default:
		message += " did you mean any of [" + strings.Join(similar, ", ") + "]?"
	}
	return ContentParse(m.Line, m.Col, "%s", message)
}

// NotModelled is the answer to what Elasticsearch has and the simulator has not. It
// says so instead of pretending.
func NotModelled(what string) *elastic.Error { return api.NotModelled(what) }

// IsNotModelled reports whether an error is the model's own, and none that a node gives.
func IsNotModelled(e *elastic.Error) bool { return api.IsNotModelled(e) }

// WriteShards writes "_shards"; searches also count skipped shards.
func WriteShards(w *Writer, s *elastic.ShardsResult, search bool) {
	w.Object("_shards")
	w.Int("total", s.Total)
	w.Int("successful", s.Successful)
	if search {
		w.Int("skipped", s.Skipped)
	}
	w.Int("failed", s.Failed)
	if len(s.Failures) > 0 {
		w.Array("failures")
		for i := range s.Failures {
			writeShardFailure(w, &s.Failures[i], search)
		}
		w.End()
	}
	w.End()
}

func writeShardFailure(w *Writer, f *elastic.ShardFailure, search bool) {
	w.Obj()
	w.Int("shard", f.Shard)
	w.Str("index", f.Index)
	if search {
		w.StrOrNull("node", f.Node)
	} else {
		w.Str("status", f.Status)
	}
	WriteCause(w, f.Reason)
	w.End()
}

func WriteCause(w *Writer, e *elastic.Error) {
	w.Object("reason")
	if e != nil {
		WriteException(w, e, false, true)
	}
	w.End()
}
