package es

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// suffering is a run of a minute with a write a second; from 20 s to 25 s the node that is lost
// refuses, at 30 s one has no answer.
func suffering() *observed.History {
	h := &observed.History{Nodes: []string{"n1", "n2", "n3"}, End: time.Minute, Closed: time.Minute}
	h.Faults = []*chaos.Record{{Kind: "node-loss", Due: 20 * time.Second, At: 20 * time.Second, HealedAt: -1, Injected: true, Bites: []chaos.Evidence{{Shown: true}}}}
	var ops []observed.TracerOp
	for s := range 60 {
		op := observed.TracerOp{At: time.Duration(s) * time.Second, Latency: time.Duration(s+1) * time.Millisecond, Result: observed.FateAcked, Requests: 1}
		switch {
		case s >= 20 && s < 25:
			op.Result, op.Cause, op.Node = observed.FateFailed, observed.CauseDeadNode, "n2"
		case s == 30:
			op.Result, op.Cause, op.Node = observed.FateUnknown, observed.CauseTimeout, "n1"
		}
		ops = append(ops, op)
	}
	h.Tracers.Follow(ops)
	return h
}

// expected reads one expectation into the sample and returns what it says.
func expected(t *testing.T, entry string, h *observed.History) scenarios.Outcome {
	t.Helper()
	text := strings.Replace(sample, "- {recovered: green, within: 1m, of: node-loss}", "- "+entry, 1)
	s, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
	require.NoError(t, err)
	out := s.Expect[0].Judge(h)
	require.Len(t, out, 1)
	return out[0]
}

func TestClientErrorsAreAShareOfTheFollowedWrites(t *testing.T) {
	o := expected(t, `{client-errors: {share: "< 11 %"}}`, suffering())
	assert.Equal(t, scenarios.Pass, o.Verdict)
	assert.Equal(t, 10.0, *o.Observed)
	o = expected(t, `{client-errors: {share: "< 1 %", of: node-loss, within: 10s}}`, suffering())
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.Equal(t, 50.0, *o.Observed)
	assert.Equal(t, "client errors after node-loss", o.Name)
	assert.Contains(t, o.Reason, "of 10 writes 5 failed (0 of them refused by the cluster) and 0 had no answer (dead node still used (n2) 5)")
	o = expected(t, `{client-errors: {share: "< 1 %", of: node-loss}}`, suffering())
	assert.Equal(t, 15.0, *o.Observed, "to the end of the load")
}

func TestAShareOfNoWritesIsUnknown(t *testing.T) {
	h := suffering()
	h.Tracers.Operations = h.Tracers.Operations[:10]
	o := expected(t, `{client-errors: {share: "< 1 %", of: node-loss}}`, h)
	assert.Equal(t, scenarios.Unknown, o.Verdict)
	h = suffering()
	h.Faults[0].Bites = nil
	o = expected(t, `{client-errors: {share: "< 100 %", of: node-loss}}`, h)
	assert.Equal(t, scenarios.Unknown, o.Verdict, "a fault that was not shown to be in force proves nothing")
}

func TestClientLatencyIsAPercentileOfAcknowledgedWrites(t *testing.T) {
	o := expected(t, `{client-latency: {percentile: p50, max: 30ms}}`, suffering())
	assert.Equal(t, scenarios.Fail, o.Verdict, "54 acknowledged ones; the 27th took 33 ms")
	assert.InDelta(t, 0.033, *o.Observed, 1e-9)
	o = expected(t, `{client-latency: {percentile: max, max: 60ms, of: node-loss}}`, suffering())
	assert.Equal(t, scenarios.Pass, o.Verdict)
	o = expected(t, `{client-latency: {max: 1s}}`, suffering())
	assert.Equal(t, scenarios.Unknown, o.Verdict, "54 writes have no 99th percentile: %s", o.Reason)
}

func TestTimeWithoutAnAcknowledgedWriteIsTheLongestGap(t *testing.T) {
	o := expected(t, `{no-writes-longer-than: 5s}`, suffering())
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.InDelta(t, 6.006, *o.Observed, 1e-9, "from the acknowledgement of 19.020 s to that of 25.026 s")
	o = expected(t, `{no-writes-longer-than: 6s, of: node-loss, within: 20s}`, suffering())
	assert.Equal(t, scenarios.Pass, o.Verdict, "what was before the fault doesn't count")
	assert.InDelta(t, 5.026, *o.Observed, 1e-9)
}

func TestWhatIsWrongWithClientsAndTheirExpectationsIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct{ expect, client, want string }{
		{`{client-errors: {share: "< 1"}}`, "", `"< 1" is not a bound on a share`},
		{`{client-errors: {share: "< 1 %", of: partition}}`, "", "sample.yaml:14:42: this scenario has no fault of that kind"},
		{`{client-errors: {share: "< 1 %", within: 1m}}`, "", "within what? expected of: with a kind of fault"},
		{`{client-errors: {of: node-loss}}`, "", "the expectation has no bound"},
		{`{client-latency: {percentile: p95, max: 1s}}`, "", `unknown percentile "p95"`},
		{`{client-latency: {percentile: p50}}`, "", "the expectation has no limit"},
		{`{no-writes-longer-than: 0s}`, "", "there is no limit"},
		{`{no-writes-longer-than: 1s}`, "client: {nodes: [n9]}", `unknown node "n9"`},
		{`{no-writes-longer-than: 1s}`, "client: {retries: 99}", "99 retries; expected 0 to 20"},
		{`{no-writes-longer-than: 1s}`, "client: {sniff: 1ms}", "1ms; expected a second or more"},
		{`{no-writes-longer-than: 1s}`, "client: {timeout: 0s}", "expected a time such as 10s"},
	} {
		text := strings.Replace(sample, "- {recovered: green, within: 1m, of: node-loss}", "- "+c.expect, 1) + c.client + "\n"
		_, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
		assert.ErrorContains(t, err, c.want, c.expect+c.client)
	}
}
