package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/fidelity"
	report "github.com/shardquake/shardquake/reports/gameday"
	"github.com/shardquake/shardquake/scenarios"
)

// measuredDay is a game day that constants can be fitted to.
type measuredDay struct {
	name     string // that the table shows
	scenario *scenarios.Loaded
	runs     []fidelity.Run
}

// readGamedays reads the folders of game days.
func readGamedays(folders []string) (days []measuredDay, err error) {
	for _, folder := range folders {
		d, err := readGameday(folder)
		if err != nil {
			return nil, fmt.Errorf("--gameday %s: %w", folder, err)
		}
		for _, other := range days {
			if other.name == d.name { // the same scenario held twice counts as two runs of it would
				d.name += " (" + folder + ")"
				break
			}
		}
		days = append(days, d)
	}
	return days, nil
}

func readGameday(folder string) (d measuredDay, err error) {
	text, err := os.ReadFile(filepath.Join(folder, report.FileRecord))
	if err != nil {
		return d, fmt.Errorf("%w; expected the folder of a game day's report", err)
	}
	var was struct {
		Set []string `json:"set"`
	}
	if err := json.Unmarshal(text, &was); err != nil {
		return d, fmt.Errorf("%s: %w", report.FileRecord, err)
	}
	if d.scenario, err = scenarios.Load(filepath.Join(folder, report.FileAgain), was.Set, catalog.Vocabulary()); err != nil {
		return d, err
	}
	if d.scenario.System != "elasticsearch" {
		return d, fmt.Errorf("it was of system %s; the constants are of elasticsearch", d.scenario.System)
	}
	d.name = d.scenario.Name
	d.runs, err = keptRuns(filepath.Join(folder, fileRealRuns), d.name)
	if errors.Is(err, fs.ErrNotExist) {
		return d, errors.New("it measured nothing to fit to: it was a drill, or it was halted")
	}
	return d, err
}
