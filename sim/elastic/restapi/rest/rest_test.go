package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// request is one without headers and body.
func request(t *testing.T, uri string) *rest.Request {
	t.Helper()
	r, err := rest.NewRequest("GET", uri, http.Header{}, nil)
	require.Nil(t, err)
	return r
}

// raised is the error that reading a request ends with.
func raised(t *testing.T, read func()) *elastic.Error {
	t.Helper()
	err := func() (err error) {
		defer rest.Catch(&err)
		read()
		return nil
	}()
	require.Error(t, err)
	return elastic.AsError(err)
}

func TestAParameterThatNobodyReadIsRefusedWithTheNearestName(t *testing.T) {
	r := request(t, "/_cluster/health?timeut=1s&pretty")
	r.TimeParam("timeout", time.Second)
	err := r.Unconsumed(nil)
	require.NotNil(t, err)
	assert.Equal(t, "request [/_cluster/health] contains unrecognized parameter: [timeut] -> did you mean [timeout]?", err.Reason)
	r.Lookup("timeut")
	assert.Nil(t, r.Unconsumed(nil), "what renders the answer reads pretty")
}

func TestParametersAreReadAsElasticsearchReadsThem(t *testing.T) {
	r := request(t, "/_x?on&off=false&time=90s&n=7&list=a,b&name=a%2Fb+c;last=1#fragment")
	assert.True(t, r.BoolParam("on", false), "without a value it is set")
	assert.False(t, r.BoolParam("off", true))
	assert.True(t, r.BoolParam("absent", true))
	assert.Equal(t, 90*time.Second, r.TimeParam("time", 0))
	assert.Equal(t, 7, r.IntParam("n", 0))
	assert.Equal(t, []string{"a", "b"}, r.ListParam("list"))
	assert.Equal(t, "a/b c", r.Param("name"))
	assert.Equal(t, "1", r.Param("last"), "a semicolon parts as well")
}

func TestAValueThatIsNoneIsRefused(t *testing.T) {
	r := request(t, "/_x?on=maybe&time=90&n=many")
	assert.Contains(t, raised(t, func() { r.BoolParam("on", false) }).Reason, "[maybe]")
	assert.Contains(t, raised(t, func() { r.TimeParam("time", 0) }).Reason, "[90]", "a time has a unit")
	assert.Contains(t, raised(t, func() { r.IntParam("n", 0) }).Reason, "[many]")
}

func TestAnEscapeThatIsCutOffIsRefused(t *testing.T) {
	for uri, want := range map[string]string{
		"/_x?a=%":   "unterminated escape sequence at end of string: %",
		"/_x?a=%4":  "partial escape sequence at end of string: %4",
		"/_x?a=%zz": "invalid escape sequence `%zz' at index 0 of: %zz",
	} {
		_, err := rest.NewRequest("GET", uri, http.Header{}, nil)
		require.NotNil(t, err, uri)
		assert.Equal(t, 400, err.Status)
		assert.Equal(t, want, err.CausedBy.Reason)
	}
}

// cluster has two open indices and a closed one.
func cluster() *state.State {
	return &state.State{Indices: []*state.Index{{Name: "logs-1"}, {Name: "logs-2"}, {Name: "old", Closed: true}}}
}

func TestAnIndexThatIsNamedMustBeThereAndOneThatIsSoughtNeedNot(t *testing.T) {
	st := cluster()
	assert.Equal(t, []string{"logs-1", "logs-2"}, rest.Resolve(st, []string{"logs-*"}, rest.ExpandOpen))
	assert.Empty(t, rest.Resolve(st, []string{"none-*"}, rest.ExpandOpen))
	assert.Equal(t, 404, raised(t, func() { rest.Resolve(st, []string{"none"}, rest.ExpandOpen) }).Status)
	assert.Equal(t, []string{"logs-1"}, rest.Resolve(st, []string{"none", "logs-1"}, rest.Lenient))
	strict := rest.ExpandOpen
	strict.AllowNone = false
	assert.Equal(t, 404, raised(t, func() { rest.Resolve(st, []string{"none-*"}, strict) }).Status)
}

func TestAMinusTakesAwayWhatWasMatched(t *testing.T) {
	assert.Equal(t, []string{"logs-2"}, rest.Resolve(cluster(), []string{"logs-*", "-logs-1"}, rest.ExpandOpen))
}

func TestClosedIndicesAreMatchedWhereTheyAreMeant(t *testing.T) {
	assert.ElementsMatch(t, []string{"logs-1", "logs-2"}, rest.Resolve(cluster(), nil, rest.ExpandOpen))
	assert.ElementsMatch(t, []string{"logs-1", "logs-2", "old"}, rest.Resolve(cluster(), nil, rest.ExpandAll))
}

func TestANameThatNoIndexMayHaveIsToldWhy(t *testing.T) {
	for name, why := range map[string]string{
		"Logs": "must be lowercase", "_logs": "must not start with '_', '-', or '+'", "a/b": "must not contain", "..": "must not be '.' or '..'",
	} {
		err := rest.ValidateName(name)
		require.NotNil(t, err, name)
		assert.Contains(t, err.Reason, why)
	}
	assert.Nil(t, rest.ValidateName("logs-2026.03.01"))
}

func TestAnAnswerIsCutToWhatIsAskedFor(t *testing.T) {
	const answer = `{"nodes":{"a":{"name":"n1","os":{"cpu":1}},"b":{"name":"n2","os":{"cpu":2}}},"took":3}`
	for filter, want := range map[string]string{
		"took":              `{"took":3}`,
		"nodes.*.name":      `{"nodes":{"a":{"name":"n1"},"b":{"name":"n2"}}}`,
		"**.cpu":            `{"nodes":{"a":{"os":{"cpu":1}},"b":{"os":{"cpu":2}}}}`,
		"-nodes":            `{"took":3}`,
		"nodes,-nodes.*.os": `{"nodes":{"a":{"name":"n1"},"b":{"name":"n2"}}}`,
		"none":              `{}`,
	} {
		got, err := rest.FilterPath([]byte(answer), filter)
		require.NoError(t, err, filter)
		assert.Equal(t, want, string(got), filter)
	}
}

func TestWhatWasWrittenIsReadAgain(t *testing.T) {
	w := rest.NewWriter(true)
	w.Obj()
	w.Str("text", "a \"quoted\" line\n")
	w.Size("bytes", "size", 1536)
	w.Strs("list", []string{"x", "y"})
	w.End()
	assert.JSONEq(t, `{"text":"a \"quoted\" line\n","size":"1.5kb","bytes":1536,"list":["x","y"]}`, string(w.Bytes()), "people get sizes beside the bytes")
	v, err := rest.ParseJSON(w.Bytes())
	require.NoError(t, err)
	assert.Equal(t, []string{"x", "y"}, rest.Texts(v.Member("list")))
}

func TestBrokenJSONIsToldWithItsPlace(t *testing.T) {
	for _, src := range []string{`{"a":1,`, `{"a" 1}`, `[1,]`, `{"a":01}`} {
		_, err := rest.ParseJSON([]byte(src))
		require.Error(t, err, src)
		assert.Contains(t, elastic.AsError(err).Reason, "line: 1, column: ", src)
	}
}
