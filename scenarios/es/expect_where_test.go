package es

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
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
	h := last.Sight.(scenarios.Health)
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
