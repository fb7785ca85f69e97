package fidelity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/fidelity"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/recorded"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
)

// The constants of the recordings' machine are one set for all. Fitted anew without a
// recording they predict its times about as well as with it: they belong to the machine.
func TestConstantsFittedWithoutARecordingPredictIt(t *testing.T) {
	problem := fidelity.Problem{
		Steps: []float64{0.7, 1.4}, Rounds: 1, Real: recordedRuns(t),
		Scenarios: []string{
			"p1-kill-data-node", "p2-kill-master", "p4-fast-detection", "p5-rebalance-12-4-2", "p6-fourth-node-joins", "p8-unlimited", "p8-40mb",
		},
		Simulate: func(scenario string, factors []float64) ([]fidelity.Run, error) {
			return simulateWith(t, scenario, factors)
		},
	}
	for _, k := range catalog.Knobs() {
		problem.Knobs = append(problem.Knobs, k.Name)
	}
	fitted, err := fidelity.Fit(problem)
	require.NoError(t, err)
	t.Logf("factors %v of %v", fitted.Factors, problem.Knobs)
	sum := 0.0
	for _, s := range problem.Scenarios {
		t.Logf("%-24s mean error in targets: as it stands %.2f, fitted %.2f, left out %.2f", s, fitted.Before[s], fitted.After[s], fitted.LeftOut[s])
		assert.Lessf(t, fitted.LeftOut[s], 2.0, "%s left out", s)
		sum += fitted.LeftOut[s]
	}
	mean := sum / float64(len(problem.Scenarios))
	t.Logf("mean error of recordings left out: %.2f targets", mean)
	assert.Less(t, mean, 1.0, "on average inside the target")
}

func simulateWith(t *testing.T, scenario string, factors []float64) ([]fidelity.Run, error) {
	name, text, err := recorded.Text(scenario)
	if err != nil {
		return nil, err
	}
	loaded, err := scenarios.Parse(name, text, catalog.Vocabulary())
	if err != nil {
		return nil, err
	}
	return fidelity.Simulate(t.Context(), loaded, []uint64{1, 2, 3}, func() (fidelity.Runner, error) {
		backend, err := catalog.Simulator(catalog.Turned(calibration.Default(), factors))
		return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}, err
	})
}
