package rest

import (
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Request is a REST request as a handler sees it. It remembers which parameters
// have been read: what nobody read is refused.
type Request struct {
	Method, URI, RawPath string
	Params               map[string]string
	consumed             []string // parameters that were read, some of them twice
	Body                 []byte
	BodyRead             bool
	Accept, contentType  *mediaType
	// Bare: nobody reads the headers of the answer.
	Bare   bool
	header http.Header
}

// consumedRoom is how many parameters most handlers read at most.
const consumedRoom = 24

// NewRequest parses what is common to all requests. The error is Elasticsearch's.
func NewRequest(method, uri string, header http.Header, body []byte) (*Request, *elastic.Error) {
	r := &Request{
		Method: method, URI: uri, header: header, Body: body,
		Params: make(map[string]string, 4), consumed: make([]string, 0, consumedRoom),
	}
	path, query, _ := strings.Cut(uri, "?")
	r.RawPath = path
	if err := r.parseQuery(query); err != nil {
		cause := &elastic.Error{Type: "illegal_argument_exception", Reason: err.Error()}
		return r, &elastic.Error{
			Status: 400, Type: "bad_parameter_exception",
			Reason: "java.lang.IllegalArgumentException: " + err.Error(), CausedBy: cause,
		}
	}
	return r, r.parseMedia()
}

// parseQuery splits the query as RestUtils.decodeQueryString does.
func (r *Request) parseQuery(query string) error {
	query, _, _ = strings.Cut(query, "#")
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			name, value = value, ""
		}
		name, err := DecodeComponent(name, true)
		if err != nil {
			return err
		}
		if value, err = DecodeComponent(value, true); err != nil {
			return err
		}
		if strings.EqualFold(name, "serverlessRequest") || strings.EqualFold(name, "operatorRequest") {
			return fmt.Errorf("parameter [%s] is reserved and may not be set", name)
		}
		r.Params[name] = value
	}
	return nil
}

// DecodeComponent undoes percent encoding as RestUtils.decodeComponent does.
func DecodeComponent(s string, plusIsSpace bool) (string, error) {
	if !strings.Contains(s, "%") && (!plusIsSpace || !strings.Contains(s, "+")) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+' && plusIsSpace:
			b.WriteByte(' ')
		case c != '%':
			b.WriteByte(c)
		case i == len(s)-1:
			return "", fmt.Errorf("unterminated escape sequence at end of string: %s", s)
		case s[i+1] == '%':
			b.WriteByte('%')
			i++
		case i+1 == len(s)-1:
			return "", fmt.Errorf("partial escape sequence at end of string: %s", s)
		default:
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("invalid escape sequence `%%%s' at index %d of: %s", s[i+1:i+3], i, s)
			}
			b.WriteByte(byte(n))
			i += 2
		}
	}
	return b.String(), nil
}

// Path is the decoded path.
func (r *Request) Path() string {
	p, err := DecodeComponent(r.RawPath, false)
	if err != nil {
		return r.RawPath
	}
	return p
}

func (r *Request) Has(name string) bool {
	_, ok := r.Params[name]
	return ok
}

func (r *Request) Lookup(name string) (string, bool) {
	if len(r.consumed) < cap(r.consumed) || !slices.Contains(r.consumed, name) {
		r.consumed = append(r.consumed, name)
	}
	v, ok := r.Params[name]
	return v, ok
}

// Param reads a parameter, "" when it is absent.
func (r *Request) Param(name string) string {
	v, _ := r.Lookup(name)
	return v
}

func (r *Request) ParamOr(name, def string) string {
	if v, ok := r.Lookup(name); ok {
		return v
	}
	return def
}

// BoolParam reads a boolean; an empty value means true.
func (r *Request) BoolParam(name string, def bool) bool {
	v, ok := r.Lookup(name)
	switch {
	case !ok:
		return def
	case v == "":
		return true
	}
	b, err := settings.ParseBool(name, v)
	if err != nil {
		Raise(IllegalArgument("%s", err.Error()))
	}
	return b
}

// StrictBool reads a boolean whose empty value is the default (Boolean, not boolean, in the original).
func (r *Request) StrictBool(name string, def bool) bool {
	if v, ok := r.Lookup(name); ok && v == "" {
		return def
	}
	return r.BoolParam(name, def)
}

func (r *Request) TimeParam(name string, def time.Duration) time.Duration {
	v, ok := r.Lookup(name)
	if !ok {
		return def
	}
	return TimeOf(name, v)
}

// TimeOf reads a duration, or raises Elasticsearch's refusal.
func TimeOf(name, text string) time.Duration {
	d, err := settings.ParseTime(name, text)
	if err != nil {
		Raise(timeError(err, text))
	}
	return d
}

func timeError(err error, value string) *elastic.Error {
	e := IllegalArgument("%s", err.Error())
	if strings.HasPrefix(e.Reason, "failed to parse [") {
		digits := strings.TrimRightFunc(strings.ToLower(strings.TrimSpace(value)), func(c rune) bool { return c >= 'a' && c <= 'z' })
		e.CausedBy = &elastic.Error{Type: "number_format_exception", Reason: `For input string: "` + digits + `"`}
	}
	return e
}

func (r *Request) IntParam(name string, def int) int {
	v, ok := r.Lookup(name)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		e := IllegalArgument("Failed to parse int parameter [%s] with value [%s]", name, v)
		e.CausedBy = NumberFormat(v)
		Raise(e)
	}
	return int(n)
}

func (r *Request) LongParam(name string, def int64) int64 {
	v, ok := r.Lookup(name)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		e := IllegalArgument("Failed to parse long parameter [%s] with value [%s]", name, v)
		e.CausedBy = NumberFormat(v)
		Raise(e)
	}
	return n
}

// ListParam splits a comma-separated parameter; nil when it is absent or empty.
func (r *Request) ListParam(name string) []string {
	v := r.Param(name)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// MasterTimeout reads ?master_timeout.
func (r *Request) MasterTimeout() time.Duration { return r.TimeParam("master_timeout", 30*time.Second) }

// AckTimeout reads ?timeout.
func (r *Request) AckTimeout() time.Duration { return r.TimeParam("timeout", 30*time.Second) }

// Content reads the body, which must be there.
func (r *Request) Content() []byte {
	if len(r.Body) == 0 {
		Raise(&elastic.Error{Status: 400, Type: "parse_exception", Reason: "request body is required"})
	}
	r.BodyRead = true
	return r.Body
}

// JSON parses the body, which must be there.
func (r *Request) JSON() Value {
	v, err := ParseJSON(r.Content())
	if err != nil {
		Raise(elastic.AsError(err))
	}
	return v
}

// JSONOrSource parses the body or the parameter "source"; ok is false without either.
func (r *Request) JSONOrSource() (v Value, ok bool) {
	if len(r.Body) > 0 {
		v, err := ParseTokens(r.Content())
		if err != nil {
			Raise(elastic.AsError(err))
		}
		return v, true
	}
	source, ok := r.Lookup("source")
	if !ok {
		return Value{}, false
	}
	if contentType := r.Param("source_content_type"); !strings.Contains(contentType, "json") {
		Raise(ValidationFailed("source and source_content_type parameters are required"))
	}
	v, err := ParseJSON([]byte(source))
	if err != nil {
		Raise(elastic.AsError(err))
	}
	return v, true
}

// responseParams are read by what renders the answer, whatever the handler.
var responseParams = []string{"error_trace", "filter_path", "format", "human", "pretty"}

// Unconsumed refuses parameters that nobody read.
func (r *Request) Unconsumed(own []string) *elastic.Error {
	var unread []string
	for name := range r.Params {
		if !slices.Contains(r.consumed, name) && !slices.Contains(own, name) && !slices.Contains(responseParams, name) {
			unread = append(unread, name)
		}
	}
	if len(unread) == 0 {
		return nil
	}
	sort.Strings(unread)
	candidates := slices.Concat(own, responseParams, r.consumed)
	sort.Strings(candidates)
	return IllegalArgument("%s", Unrecognized(r.Path(), unread, slices.Compact(candidates)))
}

// Unrecognized is BaseRestHandler.unrecognized: each unknown name with the known
// ones that resemble it, the most similar first.
func Unrecognized(path string, names, candidates []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "request [%s] contains unrecognized parameter", path)
	if len(names) > 1 {
		b.WriteString("s")
	}
	b.WriteString(": ")
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "[%s]", name)
		similar := SimilarTo(name, candidates, 0.5)
		switch {
		case len(similar) == 1:
			fmt.Fprintf(&b, " -> did you mean [%s]?", similar[0])
		case len(similar) > 1:
			fmt.Fprintf(&b, " -> did you mean any of [%s]?", strings.Join(similar, ", "))
		}
	}
	return b.String()
}

// SimilarTo lists the candidates more similar than the limit, best first.
func SimilarTo(name string, candidates []string, limit float32) []string {
	similar := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return settings.Similarity(name, c) <= limit })
	sort.SliceStable(similar, func(i, j int) bool {
		a, b := settings.Similarity(name, similar[i]), settings.Similarity(name, similar[j])
		if a != b {
			return a > b
		}
		return similar[i] < similar[j]
	})
	return similar
}

// Header is a header's value.
func (r *Request) Header(name string) string { return r.header.Get(name) }

// Human reports whether ?human was given.
func (r *Request) Human() bool { return r.BoolParam("human", false) }

// CheckActiveCount refuses what ActiveShardCount.parseString refuses.
func CheckActiveCount(text string) {
	if text == "" || text == "all" {
		return
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		e := IllegalArgument("cannot parse ActiveShardCount[%s]", text)
		e.CausedBy = NumberFormat(text)
		Raise(e)
	}
	if n < 0 {
		Raise(IllegalArgument("shard count cannot be a negative value"))
	}
}
