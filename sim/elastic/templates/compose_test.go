package templates_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

func TestPatternsMeetWhereANameFitsBoth(t *testing.T) {
	for _, c := range []struct {
		a, b string
		meet bool
	}{
		{"logs-*", "logs-a*", true}, {"*-a", "b-*", true}, {"a*c", "ab*", true}, {"logs-*", "metrics-*", false}, {"x", "x", true},
		{"x", "xy", false}, {"*", "anything", true}, {"a*a*a*a*b", "*c", false},
	} {
		assert.Equal(t, c.meet, templates.Meet(c.a, c.b), "%s and %s", c.a, c.b)
		assert.Equal(t, c.meet, templates.Meet(c.b, c.a), "%s and %s", c.b, c.a)
	}
}

func TestOfTheTemplatesThatMatchTheOneOfTheHighestPriorityCounts(t *testing.T) {
	high, low := int64(9), int64(1)
	st := &state.State{IndexTemplates: []*state.IndexTemplate{
		{Name: "a", Patterns: []string{"l*"}, Priority: &low}, {Name: "b", Patterns: []string{"logs-*"}, Priority: &high}, {Name: "c", Patterns: []string{"*"}},
	}}
	assert.Equal(t, "b", templates.Find(st, "logs-1").Name)
	assert.Equal(t, "a", templates.Find(st, "list").Name)
	assert.Equal(t, "c", templates.Find(st, "x").Name)
}
