// Package scenariotest runs scenario files as Go tests, on the simulator.
package scenariotest
