package explore_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
)

// watch is play that tells of events.
func watch(ctx context.Context, s *scenarios.Loaded, seed uint64, tell func(scenarios.Event)) (*scenarios.Result, error) {
	backend, err := catalog.Backend("sim")
	if err != nil {
		return nil, err
	}
	r := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, OnEvent: tell}
	return r.Run(ctx, s, scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed})
}

// idle is a search for faults of a controller that looks at the cluster every thirty seconds.
func idle(t *testing.T) explore.Config {
	t.Helper()
	cfg := tight(t)
	var err error
	cfg.Scenario, err = scenarios.Load("one-node-lost", []string{
		"expect=[{lost-acked-writes: 0}]", "faults=[]", "explore={kinds: [api-errors, clock-jump, partition], most: 2, shortest: 500ms, longest: 5s}",
	}, catalog.Vocabulary())
	require.NoError(t, err)
	cfg.Plans, cfg.Seeds, cfg.Tries = explore.RoundSize, 0, 0
	return cfg
}

// The plans that are not run are those that a search without a watcher runs beside the others:
// each of them has to come to what its seed comes to without a fault.
func TestWhatIsSkippedComesToTheSameAsNoFaultAtAll(t *testing.T) {
	run := func(cfg explore.Config) map[uint64]*scenarios.Loaded {
		var mu sync.Mutex
		all := map[uint64]*scenarios.Loaded{}
		cfg.Play = func(ctx context.Context, l *scenarios.Loaded, seed uint64) (*scenarios.Result, error) {
			mu.Lock()
			if len(l.Faults) > 0 {
				all[seed] = l
			}
			mu.Unlock()
			return acted(func(int) (map[string]scenarios.Verdict, error) { return nil, nil })(ctx, l, seed)
		}
		r := search(t, cfg)
		assert.Equal(t, cfg.Plans, r.Plans.All())
		if cfg.Watch != nil {
			assert.Equal(t, cfg.Plans-len(all), r.Plans.Skipped)
			var text strings.Builder
			require.NoError(t, explore.Summary(&text, r, t.TempDir()))
			assert.Contains(t, text.String(), "skipped: touch nothing")
		}
		return all
	}
	skipped := 0
	for first := uint64(1); first < 2000; first += 1000 {
		cfg := idle(t)
		cfg.Seed = first
		whole := run(cfg)
		cfg.Watch = watch
		fewer := run(cfg)
		require.Len(t, whole, cfg.Plans)
		for i := range uint64(cfg.Plans) {
			seed := first + i
			if fewer[seed] != nil {
				continue
			}
			skipped++
			with, err := play(t.Context(), whole[seed], seed)
			require.NoError(t, err)
			bare := *whole[seed]
			sc := *bare.Scenario
			sc.Faults = nil
			bare.Scenario = &sc
			without, err := play(t.Context(), &bare, seed)
			require.NoError(t, err)
			assert.Equal(t, without.History.Observations, with.History.Observations, "seed %d: %v", seed, whole[seed].Faults)
			assert.Equal(t, without.History.Decisions, with.History.Decisions, "seed %d: %v", seed, whole[seed].Faults)
			assert.Equal(t, without.History.Tracers.Attempted, with.History.Tracers.Attempted)
		}
	}
	t.Logf("%d of 40 plans were skipped", skipped)
	assert.Greater(t, skipped, 10)
}
