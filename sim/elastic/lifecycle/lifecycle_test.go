package lifecycle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func TestAnIndexRollsOverWhenOneLimitIsReachedAndAllLeastOnesHold(t *testing.T) {
	f := lifecycle.Figures{Age: 2 * time.Hour, Docs: 10, Bytes: 5 << 30, MostBytes: 3 << 30}
	for _, c := range []struct {
		list  []state.Condition
		rolls bool
	}{
		{nil, true},
		{[]state.Condition{{Name: "max_age", Value: "1h"}}, true},
		{[]state.Condition{{Name: "max_age", Value: "3h"}, {Name: "max_primary_shard_size", Value: "2gb"}}, true},
		{[]state.Condition{{Name: "max_age", Value: "1h"}, {Name: "min_docs", Value: "11"}}, false},
		{[]state.Condition{{Name: "min_docs", Value: "1"}}, false},
		{[]state.Condition{{Name: "max_size", Value: "6gb"}}, false},
	} {
		for _, cond := range c.list {
			require.NoError(t, lifecycle.Check(cond))
		}
		assert.Equal(t, c.rolls, lifecycle.RollsOver(c.list, &f), "%v", c.list)
	}
	assert.Error(t, lifecycle.Check(state.Condition{Name: "max_age", Value: "soon"}))
	assert.Error(t, lifecycle.Check(state.Condition{Name: "max_mood", Value: "1"}))
}

func TestAnIndexEntersTheNextPhaseAtItsAge(t *testing.T) {
	p := &state.Policy{Phases: []state.Phase{{Name: "hot"}, {Name: "warm", MinAge: time.Hour}, {Name: "delete", MinAge: 24 * time.Hour}}}
	assert.Equal(t, "hot", lifecycle.Next(p, nil, 0).Name)
	hot := &state.Lifecycle{Phase: "hot", Action: lifecycle.Complete}
	assert.Nil(t, lifecycle.Next(p, hot, time.Minute))
	assert.Equal(t, "warm", lifecycle.Next(p, hot, 48*time.Hour).Name, "no phase is left out")
	assert.Equal(t, "delete", lifecycle.Next(p, &state.Lifecycle{Phase: "warm"}, 48*time.Hour).Name)
}
