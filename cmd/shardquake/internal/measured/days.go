package measured

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

// Day is a game day that constants can be fitted to.
type Day struct {
	Name     string // that the table shows
	Scenario *scenarios.Loaded
	Runs     []fidelity.Run
}

// Days reads the folders of game days.
func Days(folders []string) (days []Day, err error) {
	for _, folder := range folders {
		d, err := day(folder)
		if err != nil {
			return nil, fmt.Errorf("--gameday %s: %w", folder, err)
		}
		for _, other := range days {
			if other.Name == d.Name { // the same scenario held twice counts as two runs of it would
				d.Name += " (" + folder + ")"
				break
			}
		}
		days = append(days, d)
	}
	return days, nil
}

func day(folder string) (d Day, err error) {
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
	if d.Scenario, err = scenarios.Load(filepath.Join(folder, report.FileAgain), was.Set, catalog.Vocabulary()); err != nil {
		return d, err
	}
	if d.Scenario.System != "elasticsearch" {
		return d, fmt.Errorf("it was of system %s; the constants are of elasticsearch", d.Scenario.System)
	}
	d.Name = d.Scenario.Name
	d.Runs, err = Kept(filepath.Join(folder, File), d.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return d, errors.New("it measured nothing to fit to: it was a drill, or it was halted")
	}
	return d, err
}
