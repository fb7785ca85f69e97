package scenariotest_test

import (
	"testing"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestEveryScenarioOfTheLibraryHoldsOnTheSimulator(t *testing.T) {
	for _, name := range scenarios.Library() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenariotest.Run(t, name)
		})
	}
}
