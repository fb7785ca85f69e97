// Package measured keeps what real nodes showed, for comparisons and calibrations to come.
package measured

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/reports/fidelity"
)

// File holds what runs in containers showed, a line a run: they take minutes
// each, and are good for more than one comparison.
const File = "real-runs.jsonl"

// Keep adds runs of a scenario to a file, which is made where it is missing.
func Keep(path, scenario string, runs []fidelity.Run) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	var lines []fidelity.Labelled
	for _, r := range runs {
		lines = append(lines, fidelity.Labelled{Scenario: scenario, Run: r})
	}
	if err := fidelity.WriteRuns(f, lines); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}

// Kept reads the runs of a scenario back.
func Kept(path, scenario string) ([]fidelity.Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // reading only
	all, err := fidelity.ReadRuns(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var runs []fidelity.Run
	for _, l := range all {
		if l.Scenario == scenario {
			runs = append(runs, l.Run)
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("%s: holds no run of %s", path, scenario)
	}
	return runs, nil
}
