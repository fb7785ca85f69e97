package chaos_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
)

// photographed is a fake that takes snapshots in a state set by the test.
type photographed struct {
	*fakeTarget
	state string
	took  *[]string
}

func (p photographed) target() chaos.Target { return chaos.Target{Snapshots: p} }

func (p photographed) Take(_ context.Context, repository, name string, _ []string) error {
	*p.took = append(*p.took, repository+":"+name)
	return nil
}

func (p photographed) Snapshot(context.Context, string, string) (string, error) { return p.state, nil }

func TestASnapshotIsTakenAndShownUnlessItFails(t *testing.T) {
	for state, shown := range map[string]bool{"SUCCESS": true, "IN_PROGRESS": true, "PARTIAL": false, "FAILED": false} {
		target := photographed{newFake(), state, &[]string{}}
		a := injector(target).Strike(t.Context(), read(t, "{at: 1s, snapshot: {indices: [logs]}}").Fault)
		require.NoError(t, a.Settle(t.Context()))
		assert.Equal(t, []string{"backup:snapshot-1"}, *target.took)
		assert.Equal(t, shown, a.Record.Shown(), state)
		assert.True(t, chaos.ForGood(a.Record.Params))
	}
	assert.ErrorIs(t, chaos.Supports(&chaos.Snapshot{}, newFake().target(), topology), chaos.ErrUnsupported)
	ps := read(t, "{at: 1s, snapshot: {indices: [lgos]}}").Fault.Check(topology)
	require.Len(t, ps, 1)
	assert.Equal(t, "indices[0]", ps[0].Path)
}
