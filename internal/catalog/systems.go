package catalog

import (
	"context"
	"fmt"

	"github.com/shardquake/shardquake/scenarios"
)

// bySystem is a backend that leaves each system's clusters to another one.
type bySystem struct {
	name    string
	systems map[string]scenarios.Backend
}

// Name implements [scenarios.Backend].
func (b *bySystem) Name() string { return b.name }

// Start implements [scenarios.Backend].
func (b *bySystem) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	of := b.systems[spec.System]
	if of == nil {
		return nil, fmt.Errorf("%w: backend %s has no clusters of system %q", scenarios.ErrUnavailable, b.name, spec.System)
	}
	return of.Start(ctx, spec, opt)
}
