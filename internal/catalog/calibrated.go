package catalog

import (
	"fmt"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim/elastic"
)

// Simulator is the simulated backend with the constants of a machine.
func Simulator(c elastic.Calibration) (scenarios.Backend, error) {
	backend, err := Backend("sim")
	if err != nil {
		return nil, err
	}
	sim, ok := backend.(*elastic.Backend)
	if !ok {
		return nil, fmt.Errorf("the backend sim is a %T, which has no calibration", backend)
	}
	sim.Calibration = c
	return sim, nil
}
