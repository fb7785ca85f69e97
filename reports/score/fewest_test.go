package score_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/reports/score"
)

func holding(stayed bool, sizes ...int64) score.Holding {
	return score.Holding{Sizes: sizes, Stayed: stayed}
}

func TestTheFewestMovesAreTheSurplusesWhicheverNodeEndsFullest(t *testing.T) {
	first := []score.Holding{holding(true, 9, 8, 7, 6, 5), holding(true, 4), holding(true)}
	moves, bytes := score.FewestMoves(first, []int{2, 2, 2})
	assert.Equal(t, 3, moves, "the fullest node has three more than two")
	assert.EqualValues(t, 4+5+6, bytes, "three different copies weigh at least as much as the three smallest")

	moves, bytes = score.FewestMoves(first, []int{0, 1, 5})
	assert.Zero(t, moves, "the same numbers in another order are the same balance")
	assert.Zero(t, bytes)
}

func TestCopiesOfALostNodeNeedNoMove(t *testing.T) {
	first := []score.Holding{holding(true, 1, 1), holding(true, 1, 1), holding(false, 1, 1)}
	moves, _ := score.FewestMoves(first, []int{3, 3})
	assert.Zero(t, moves, "they are built anew on the other two")
	moves, _ = score.FewestMoves(first, []int{5, 1})
	assert.Equal(t, 1, moves, "but a node that stayed has lost one of its own")
}

func TestCopiesThatAreNoLongerWantedNeedNoMove(t *testing.T) {
	first := []score.Holding{holding(true, 1, 1, 1), holding(true, 1, 1, 1)}
	moves, _ := score.FewestMoves(first, []int{2, 2})
	assert.Zero(t, moves)
	moves, bytes := score.FewestMoves(nil, nil)
	assert.Zero(t, moves)
	assert.Zero(t, bytes)
}
