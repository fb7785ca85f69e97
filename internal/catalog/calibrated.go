package catalog

import (
	"time"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	simkv "github.com/shardquake/shardquake/sim/kv"
)

// Simulator is the simulated backend with the constants of a machine.
func Simulator(c calibration.Constants) (scenarios.Backend, error) {
	sim := simulatedElastic()
	sim.Calibration = c
	return &bySystem{sim.Name(), map[string]scenarios.Backend{elasticsearch: sim, keyValue: &simkv.Backend{}}}, nil
}

// SimulatorAt is the simulated backend whose nodes start at a wall-clock time.
func SimulatorAt(began time.Time) scenarios.Backend {
	sim := simulatedElastic()
	sim.Began = began
	return &bySystem{sim.Name(), map[string]scenarios.Backend{elasticsearch: sim, keyValue: &simkv.Backend{}}}
}

// Knob is a group of a machine's constants that are measured together: whole runs show
// their sum, not each by itself.
type Knob struct {
	Name string
	// What the group stands for, for tables.
	About string
	turn  func(c *calibration.Constants, factor float64)
}

// Knobs are the groups that whole runs can tell apart.
func Knobs() []Knob {
	times := func(factor float64, all ...*time.Duration) {
		for _, d := range all {
			*d = time.Duration(float64(*d) * factor).Round(10 * time.Microsecond)
		}
	}
	return []Knob{
		{"start", "a node's start with data", func(c *calibration.Constants, f float64) { times(f, &c.NodeStart) }},
		{"first start", "a node's first start", func(c *calibration.Constants, f float64) { times(f, &c.NodeStartEmpty) }},
		{"states", "computing, accepting and applying a state, noticing a closed connection", func(c *calibration.Constants, f float64) {
			times(f, &c.StateUpdate, &c.StateApply, &c.StateAccept, &c.TermWrite, &c.FailureNotice)
		}},
		{"recoveries", "the fixed cost of a recovery and of its files", func(c *calibration.Constants, f float64) {
			times(f, &c.RecoveryStart, &c.RecoveryEnd, &c.PerFile)
		}},
		{"copy rate", "bytes a second of one unthrottled recovery", func(c *calibration.Constants, f float64) {
			c.CopyBPS = int64(float64(c.CopyBPS) * f)
		}},
		{"cold", "how much slower a process is at first", func(c *calibration.Constants, f float64) {
			c.Cold = max(1, int(float64(c.Cold)*f+0.5))
		}},
	}
}

// Turned is a calibration with every knob at its factor.
func Turned(c calibration.Constants, factors []float64) calibration.Constants {
	for i, k := range Knobs() {
		if i < len(factors) {
			k.turn(&c, factors[i])
		}
	}
	return c
}
