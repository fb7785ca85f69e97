package es

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func TestANodeIsEmptyWhenItsLastCopyHasLeftForGood(t *testing.T) {
	left := func() story {
		return tell("n1", "n2").members(-1, "n1", "n1", "n2").shard(-1, 0, "n1", "n2").shard(20, 0, "n1", "-")
	}
	assert.Equal(t, scenarios.Pass, verdict(t, left(), "{node-empty: n2, within: 25s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, left(), "{node-empty: n2, within: 15s}"), "it was, but later")
	assert.Equal(t, scenarios.Pass, verdict(t, left(), "{node-empty: n2}"))
	assert.Equal(t, scenarios.Fail, verdict(t, left().shard(50, 0, "n1", "n2"), "{node-empty: n2}"), "a copy came back")
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1", "n2"), "{node-empty: n2}"), "nobody saw where copies lie")
}

func (s story) unassigned(at float64, n int, master bool) story {
	s = s.health(at, "yellow")
	last := &s.h.Observations[len(s.h.Observations)-1]
	h := last.Sight.(observed.Health)
	h.Unassigned, h.Master = n, master
	last.Sight = h
	return s
}

func TestSoManyCopiesMayBeUnassignedAndMoreOnlyForAWhile(t *testing.T) {
	s := tell("n1", "n2").unassigned(-1, 0, true).unassigned(10, 3, true).unassigned(18, 1, true)
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{unassigned-at-most: 3}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{unassigned-at-most: 2}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{unassigned-at-most: 2, for-longer-than: 8s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{unassigned-at-most: 0, for-longer-than: 30s}"), "one stays to the end")
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{unassigned-at-most: 2}"))
}

func TestTimeWithoutAMasterIsMeasuredAtAStretch(t *testing.T) {
	s := tell("n1", "n2").unassigned(-1, 0, true).unassigned(10, 0, false).unassigned(14, 0, true).unassigned(20, 0, false).unassigned(23, 0, true)
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{master-within: 4s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{master-within: 3s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s.unassigned(90, 0, false), "{master-within: 4s}"), "at the end there is none")
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{master-within: 4s}"))
}

func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/scenarios.md")
	require.NoError(t, err)
	return string(text)
}

// Every kind of expectation is documented, says what it is about, and is in a file's schema.
func TestEveryKindOfExpectationIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range testVocabulary.Expectations() {
		assert.False(t, seen[k.Name], "%s is registered once", k.Name)
		seen[k.Name] = true
		assert.NotEmpty(t, k.About, k.Name)
		assert.Equal(t, k.Name, k.New().Kind())
		assert.NotSame(t, k.New(), k.New(), k.Name)
		assert.Contains(t, documentation(t), "`"+k.Name, "%s is documented", k.Name)
		for _, s := range k.Systems {
			assert.NotNil(t, testVocabulary.System(s), "%s is for a system that exists", k.Name)
		}
		_, err := testVocabulary.ReadExpectation([]byte("{" + k.Name + ": [], nonsense: 1}"))
		assert.ErrorContains(t, err, "nonsense", "%s is read strictly", k.Name)
	}
}

func (s story) blocks(at float64, names string) story {
	s = s.health(at, "green")
	last := &s.h.Observations[len(s.h.Observations)-1]
	h := last.Sight.(observed.Health)
	h.Blocks = names
	last.Sight = h
	return s
}

func TestABlockRefusesWritesUntilItIsGone(t *testing.T) {
	for _, id := range []string{"logs:8", "logs:5", "logs:12", "6", "other:8 13"} {
		s := tell("n1").blocks(-1, "").blocks(20, id)
		assert.Equal(t, scenarios.Pass, verdict(t, s, "{writes-blocked: logs, within: 20s}"), id)
		assert.Equal(t, scenarios.Fail, verdict(t, s, "{writes-blocked: logs, within: 19s}"), id)
		assert.Equal(t, scenarios.Fail, verdict(t, s, "{writes-blocked: logs, not: true}"), id)
		s = s.blocks(50, "")
		assert.Equal(t, scenarios.Pass, verdict(t, s, "{writes-blocked: logs}"), "it was there")
		assert.Equal(t, scenarios.Pass, verdict(t, s, "{writes-blocked: logs, not: true, within: 50s}"), id)
		assert.Equal(t, scenarios.Fail, verdict(t, s, "{writes-blocked: logs, not: true, within: 49s}"), id)
	}
	for _, other := range []string{"logs2:8", "other:8", "logs:7", "1"} {
		assert.Equal(t, scenarios.Fail, verdict(t, tell("n1").blocks(-1, other), "{writes-blocked: logs}"), other)
	}
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{writes-blocked: logs}"))
}

func TestNoCopyLiesOnATierOnceTheLastHasLeft(t *testing.T) {
	left := tell("n1", "n2").shard(-1, 0, "n1", "n2").shard(20, 0, "n1", "-")
	tier := func(s story, nodes ...string) scenarios.Verdict {
		e := &NoCopiesOn{Tier: "data_warm", Within: units.Duration(25e9), nodes: nodes}
		return e.Judge(s.h)[0].Verdict
	}
	assert.Equal(t, scenarios.Pass, tier(left, "n2"))
	assert.Equal(t, scenarios.Fail, tier(left, "n1"))
	assert.Equal(t, scenarios.Fail, tier(left.shard(50, 0, "n1>n2", "-"), "n2"), "one is on its way there")
	assert.Equal(t, scenarios.Unknown, tier(tell("n1"), "n2"))
	e := &NoCopiesOn{Tier: "data_warm", Index: "other", nodes: []string{"n1"}}
	assert.Equal(t, scenarios.Unknown, e.Judge(left.h)[0].Verdict, "of that index nothing was seen")

	for text, want := range map[string]string{
		"{no-copies-on: data_wram}":             `unknown tier "data_wram"; did you mean "data_warm"?`,
		"{no-copies-on: data_hot, index: logz}": `unknown index "logz"; did you mean "logs"?`,
		"{no-copies-on: data_hot, within: 2h}":  "2h is not within the run's 2m",
		"{writes-blocked: logz}":                `unknown index "logz"; did you mean "logs"?`,
	} {
		_, err := scenarios.Parse("sample.yaml", []byte(strings.Replace(sample, "{recovered: green, within: 1m, of: node-loss}", text, 1)), testVocabulary)
		assert.ErrorContains(t, err, want, text)
	}
}
