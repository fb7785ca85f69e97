package storage_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

func TestWhatWaitsForASyncIsDoneInOrderAfterIt(t *testing.T) {
	var s storage.Syncs
	var done []string
	do := func(what string) func() { return func() { done = append(done, what) } }

	s.After(do("nothing to wait for"))
	first := s.Ask()
	s.After(do("a"))
	s.After(do("b"))
	second := s.Ask()
	s.After(do("c"))
	assert.Equal(t, []string{"nothing to wait for"}, done)

	s.Done(first)
	assert.Equal(t, []string{"nothing to wait for", "a", "b"}, done)
	s.Done(first) // once more, and nothing new
	s.After(do("d"))
	s.Done(second)
	assert.Equal(t, []string{"nothing to wait for", "a", "b", "c", "d"}, done)
}

func TestASyncServesTheEarlierOnes(t *testing.T) {
	var s storage.Syncs
	done := 0
	s.Ask()
	s.After(func() { done++ })
	last := s.Ask()
	s.After(func() { s.After(func() { done++ }) })
	s.Done(last)
	assert.Equal(t, 2, done, "what is done may find that it need not wait any more")
}
