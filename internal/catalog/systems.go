package catalog

import (
	"context"
	"fmt"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
)

// bySystem is a backend that leaves each system's clusters to another one.
type bySystem struct {
	name    string
	systems map[string]scenarios.Backend
}

// Name implements [scenarios.Backend].
func (b *bySystem) Name() string { return b.name }

// Offers implements [scenarios.Backend].
func (b *bySystem) Offers(ctx context.Context, spec scenarios.ClusterSpec) (chaos.Target, error) {
	of, err := b.of(spec)
	if err != nil {
		return chaos.Target{}, err
	}
	return of.Offers(ctx, spec)
}

// Start implements [scenarios.Backend].
func (b *bySystem) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	of, err := b.of(spec)
	if err != nil {
		return nil, err
	}
	return of.Start(ctx, spec, opt)
}

// of is the backend of a cluster's system.
func (b *bySystem) of(spec scenarios.ClusterSpec) (scenarios.Backend, error) {
	if of := b.systems[spec.System]; of != nil {
		return of, nil
	}
	return nil, fmt.Errorf("%w: backend %s has no clusters of system %q", scenarios.ErrUnavailable, b.name, spec.System)
}
