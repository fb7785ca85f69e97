package scenarios

import (
	"context"
	"fmt"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// Explained is a session whose cluster can say why it isn't green.
type Explained interface {
	// Explain asks it; the error says that it gave no answer.
	Explain(ctx context.Context) ([]observed.Ailment, error)
}

// Explain asks a cluster why it isn't green, as whoever runs the scenarios does it.
func (r *Run) Explain(ctx context.Context, cfg SupervisorConfig) ([]observed.Ailment, error) {
	if r.runner.Explain == nil {
		return nil, nil
	}
	return r.runner.Explain(ctx, cfg)
}

// explain asks a cluster that isn't green why. A cluster that doesn't answer is one more
// thing to tell.
func (r *Run) explain(ctx context.Context) []observed.Ailment {
	s, ok := r.session.(Explained)
	if !ok || ctx.Err() != nil {
		return nil
	}
	found, err := s.Explain(ctx)
	if err != nil {
		text := fmt.Sprintf("the cluster could not be asked why: %v", err)
		return append(found, observed.Ailment{Cause: "unknown", Detail: text, Text: text})
	}
	return found
}
