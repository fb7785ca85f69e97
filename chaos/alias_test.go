package chaos

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnAliasThatMovesIsSeenOnItsNewIndexOnly(t *testing.T) {
	w, ctx := newWorld(), context.Background()
	in := worldInjector(w)
	for _, f := range []*Alias{
		{Alias: "now", Index: "logs", Write: true},
		{Alias: "now", Index: "more", From: "logs"},
		{Alias: "now", Index: "more", Remove: true},
	} {
		a := in.Strike(ctx, f)
		require.True(t, a.Record.Injected, a.Record.Error)
		require.NoError(t, a.Settle(ctx))
		shown(t, a.Record.Bites, f.Alias+" of "+f.Index)
	}
	again := in.Strike(ctx, &Alias{Alias: "now", Index: "more", Remove: true})
	assert.False(t, again.Record.Injected)
	assert.Contains(t, again.Record.Error, "aliases [now] missing")

	done, saw, err := (&Alias{Alias: "now", Index: "logs"}).seen(ctx, worldAPI{w})
	require.NoError(t, err)
	assert.False(t, done, "what is not there is not seen")
	assert.Equal(t, "indices with the alias now: []", saw)
}

func TestAnAliasIsCheckedAgainstTheIndices(t *testing.T) {
	shape := Topology{Indices: []IndexShape{{Name: "logs", Shards: 1}, {Name: "more", Shards: 1}}}
	for want, f := range map[string]*Alias{
		"logs is an index":         {Alias: "logs", Index: "more"},
		"is not an alias":          {Alias: "a*b", Index: "more"},
		`index "logz"`:             {Alias: "now", Index: "logz"},
		"the alias would stay":     {Alias: "now", Index: "logs", From: "logs"},
		"an alias that is removed": {Alias: "now", Index: "logs", Remove: true, Write: true},
	} {
		ps := f.Check(shape)
		require.Len(t, ps, 1, want)
		assert.Contains(t, ps[0].Message, want)
	}
	assert.Empty(t, (&Alias{Alias: "now", Index: "more", From: "logs", Write: true}).Check(shape))
}
