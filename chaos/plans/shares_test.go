package plans_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos/plans"
)

func sum(of []int) int {
	n := 0
	for _, v := range of {
		n += v
	}
	return n
}

func TestWhoKnowsNothingGivesEachWayTheSame(t *testing.T) {
	assert.Equal(t, []int{5, 5, 5, 5}, plans.NewShares().Of(20))
	assert.Equal(t, 3, sum(plans.NewShares().Of(3)), "fewer plans than ways")
}

// rounds lets a search go on for so many rounds, in which the plans of each way yield so much.
func rounds(s *plans.Shares, n int, yields map[string]int) {
	for range n {
		for i, share := range s.Of(20) {
			for range share {
				s.Came(plans.Ways()[i], yields[plans.Ways()[i]])
			}
		}
		s.Rounded()
	}
}

func TestTheWayThatFindsMostIsAskedMostAndNoneIsGivenUp(t *testing.T) {
	s := plans.NewShares()
	rounds(s, 30, map[string]int{plans.Mutant: 3, plans.Near: 1})
	got := s.Of(20)
	assert.Equal(t, 20, sum(got))
	assert.Equal(t, []int{2, 2}, got[:2], "uniform and swarm yield nothing")
	assert.Greater(t, got[3], 2*got[2]-2)
	assert.Greater(t, got[2], 2)
}

func TestWhatAWayYieldedLongAgoIsForgotten(t *testing.T) {
	s := plans.NewShares()
	rounds(s, 30, map[string]int{plans.Mutant: 10})
	assert.Equal(t, 14, s.Of(20)[3])
	rounds(s, 60, map[string]int{plans.Swarm: 1})
	assert.Greater(t, s.Of(20)[1], 10)
	assert.LessOrEqual(t, s.Of(20)[3], 3)
}

func TestWhereNothingIsFoundAnyMoreAllWaysAreAskedAlike(t *testing.T) {
	s := plans.NewShares()
	rounds(s, 200, nil)
	assert.Equal(t, []int{5, 5, 5, 5}, s.Of(20))
}
