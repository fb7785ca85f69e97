package httpapi

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
)

func TestThePageShowsWhatWasDecidedAndOfTheRestTheLast(t *testing.T) {
	var all []controller.Decision
	add := func(actor, name string, decided ...policy.Action) {
		all = append(all, controller.Decision{Seq: len(all) + 1, Actor: actor, Policy: name, Decided: decided})
	}
	add("operator", "", policy.Rebalance)
	for range 40 {
		add("shard-controller", "variance")
		add("shadow", "threshold", policy.Rebalance)
	}
	// A shadow's word is recorded before that of the policy which decided first.
	all[79], all[80] = all[80], all[79]
	var shown []int
	for _, d := range worthSeeing(all) {
		shown = append(shown, d.Seq)
	}
	assert.Equal(t, []int{81, 80, 1}, shown)
	for range 40 {
		add("operator", "", policy.Rebalance)
	}
	assert.Len(t, worthSeeing(all), 20)
}
