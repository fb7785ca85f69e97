package rehearse

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Command implements client.Admin for the authority: it takes a moment, and tells what it
// has said.
func (r *rehearsal) Command(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	if c.Kind != wire.GetState {
		return &wire.AdminResult{Status: wire.Invalid, Reason: "the authority decides for itself"}, nil
	}
	if err := r.e.Sleep(ctx, time.Millisecond); err != nil {
		return nil, err
	}
	s := &wire.ClusterState{MapVersion: r.m.Version(), Settings: meta.Defaults()}
	for i := range r.m.Len() {
		s.Shards = append(s.Shards, r.m.At(i).Clone())
	}
	return &wire.AdminResult{State: s}, nil
}
