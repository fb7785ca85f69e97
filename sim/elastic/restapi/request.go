package restapi

import (
	_ "embed"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// request is a REST request as a handler sees it. It remembers which parameters
// have been read: what nobody read is refused.
type request struct {
	method, uri, rawPath string
	params               map[string]string
	consumed             map[string]bool
	body                 []byte
	bodyRead             bool
	accept, contentType  *mediaType
	header               http.Header
}

// newRequest parses what is common to all requests. The error is Elasticsearch's.
func newRequest(method, uri string, header http.Header, body []byte) (*request, *elastic.Error) {
	r := &request{
		method: method, uri: uri, header: header, body: body,
		params: map[string]string{}, consumed: map[string]bool{},
	}
	path, query, _ := strings.Cut(uri, "?")
	r.rawPath = path
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
func (r *request) parseQuery(query string) error {
	query, _, _ = strings.Cut(query, "#")
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			name, value = value, ""
		}
		name, err := decodeComponent(name, true)
		if err != nil {
			return err
		}
		if value, err = decodeComponent(value, true); err != nil {
			return err
		}
		if strings.EqualFold(name, "serverlessRequest") || strings.EqualFold(name, "operatorRequest") {
			return fmt.Errorf("parameter [%s] is reserved and may not be set", name)
		}
		r.params[name] = value
	}
	return nil
}

// decodeComponent undoes percent encoding as RestUtils.decodeComponent does.
func decodeComponent(s string, plusIsSpace bool) (string, error) {
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

// path is the decoded path.
func (r *request) path() string {
	p, err := decodeComponent(r.rawPath, false)
	if err != nil {
		return r.rawPath
	}
	return p
}

func (r *request) has(name string) bool {
	_, ok := r.params[name]
	return ok
}

func (r *request) lookup(name string) (string, bool) {
	r.consumed[name] = true
	v, ok := r.params[name]
	return v, ok
}

// param reads a parameter, "" when it is absent.
func (r *request) param(name string) string {
	v, _ := r.lookup(name)
	return v
}

func (r *request) paramOr(name, def string) string {
	if v, ok := r.lookup(name); ok {
		return v
	}
	return def
}

// boolParam reads a boolean; an empty value means true.
func (r *request) boolParam(name string, def bool) bool {
	v, ok := r.lookup(name)
	switch {
	case !ok:
		return def
	case v == "":
		return true
	}
	b, err := settings.ParseBool(name, v)
	if err != nil {
		raise(illegalArgument("%s", err.Error()))
	}
	return b
}

// strictBool reads a boolean whose empty value is the default (Boolean, not boolean, in the original).
func (r *request) strictBool(name string, def bool) bool {
	if v, ok := r.lookup(name); ok && v == "" {
		return def
	}
	return r.boolParam(name, def)
}

func (r *request) timeParam(name string, def time.Duration) time.Duration {
	v, ok := r.lookup(name)
	if !ok {
		return def
	}
	return timeOf(name, v)
}

// timeOf reads a duration, or raises Elasticsearch's refusal.
func timeOf(name, text string) time.Duration {
	d, err := settings.ParseTime(name, text)
	if err != nil {
		raise(timeError(err, text))
	}
	return d
}

func timeError(err error, value string) *elastic.Error {
	e := illegalArgument("%s", err.Error())
	if strings.HasPrefix(e.Reason, "failed to parse [") {
		digits := strings.TrimRightFunc(strings.ToLower(strings.TrimSpace(value)), func(c rune) bool { return c >= 'a' && c <= 'z' })
		e.CausedBy = &elastic.Error{Type: "number_format_exception", Reason: `For input string: "` + digits + `"`}
	}
	return e
}

func (r *request) intParam(name string, def int) int {
	v, ok := r.lookup(name)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		e := illegalArgument("Failed to parse int parameter [%s] with value [%s]", name, v)
		e.CausedBy = numberFormat(v)
		raise(e)
	}
	return int(n)
}

func (r *request) longParam(name string, def int64) int64 {
	v, ok := r.lookup(name)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		e := illegalArgument("Failed to parse long parameter [%s] with value [%s]", name, v)
		e.CausedBy = numberFormat(v)
		raise(e)
	}
	return n
}

// listParam splits a comma-separated parameter; nil when it is absent or empty.
func (r *request) listParam(name string) []string {
	v := r.param(name)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// masterTimeout reads ?master_timeout.
func (r *request) masterTimeout() time.Duration { return r.timeParam("master_timeout", 30*time.Second) }

// ackTimeout reads ?timeout.
func (r *request) ackTimeout() time.Duration { return r.timeParam("timeout", 30*time.Second) }

// content reads the body, which must be there.
func (r *request) content() []byte {
	if len(r.body) == 0 {
		raise(&elastic.Error{Status: 400, Type: "parse_exception", Reason: "request body is required"})
	}
	r.bodyRead = true
	return r.body
}

// json parses the body, which must be there.
func (r *request) json() jsonValue {
	v, err := parseJSON(r.content())
	if err != nil {
		raise(elastic.AsError(err))
	}
	return v
}

// jsonOrSource parses the body or the parameter "source"; ok is false without either.
func (r *request) jsonOrSource() (v jsonValue, ok bool) {
	if len(r.body) > 0 {
		v, err := parseTokens(r.content())
		if err != nil {
			raise(elastic.AsError(err))
		}
		return v, true
	}
	source, ok := r.lookup("source")
	if !ok {
		return jsonValue{}, false
	}
	if contentType := r.param("source_content_type"); !strings.Contains(contentType, "json") {
		raise(validationFailed("source and source_content_type parameters are required"))
	}
	v, err := parseJSON([]byte(source))
	if err != nil {
		raise(elastic.AsError(err))
	}
	return v, true
}

// responseParams are read by what renders the answer, whatever the handler.
var responseParams = []string{"error_trace", "filter_path", "format", "human", "pretty"}

// unconsumed refuses parameters that nobody read.
func (r *request) unconsumed(own []string) *elastic.Error {
	var unread []string
	for _, name := range slices.Sorted(maps.Keys(r.params)) {
		if !r.consumed[name] && !slices.Contains(own, name) && !slices.Contains(responseParams, name) {
			unread = append(unread, name)
		}
	}
	if len(unread) == 0 {
		return nil
	}
	candidates := append(slices.Clone(own), responseParams...)
	candidates = append(candidates, slices.Sorted(maps.Keys(r.consumed))...)
	sort.Strings(candidates)
	return illegalArgument("%s", unrecognized(r.path(), unread, slices.Compact(candidates)))
}

// unrecognized is BaseRestHandler.unrecognized: each unknown name with the known
// ones that resemble it, the most similar first.
func unrecognized(path string, names, candidates []string) string {
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
		similar := similarTo(name, candidates, 0.5)
		switch {
		case len(similar) == 1:
			fmt.Fprintf(&b, " -> did you mean [%s]?", similar[0])
		case len(similar) > 1:
			fmt.Fprintf(&b, " -> did you mean any of [%s]?", strings.Join(similar, ", "))
		}
	}
	return b.String()
}

// similarTo lists the candidates more similar than the limit, best first.
func similarTo(name string, candidates []string, limit float32) []string {
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

// human reports whether ?human was given.
func (r *request) human() bool { return r.boolParam("human", false) }

// checkActiveCount refuses what ActiveShardCount.parseString refuses.
func checkActiveCount(text string) {
	if text == "" || text == "all" {
		return
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		e := illegalArgument("cannot parse ActiveShardCount[%s]", text)
		e.CausedBy = numberFormat(text)
		raise(e)
	}
	if n < 0 {
		raise(illegalArgument("shard count cannot be a negative value"))
	}
}
