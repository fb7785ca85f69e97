package losses

import (
	"encoding/json"
	"fmt"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// The files of a plan; plan.json is the fault plan of a run.
const (
	FileJSON     = reports.FilePlanning
	FileHTML     = "planning.html"
	FileMarkdown = reports.FileSummary
	FileJUnit    = reports.FileJUnit
	// FileRuns has a line for each run, in the form of a history.
	FileRuns = reports.FileRuns
	// DirRuns holds the reports of single runs, by the folder that a loss names.
	DirRuns = "runs"
)

// Write leaves the files of a plan in dir; runs are the lines of [FileRuns].
func Write(dir string, r *planning.Result, runs []byte) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", FileJSON, err)
	}
	junit, err := JUnit(r)
	if err != nil {
		return err
	}
	page, err := HTML(r)
	if err != nil {
		return err
	}
	return reports.WriteFiles(dir, []reports.NamedFile{
		{Name: FileJSON, Data: append(text, '\n')}, {Name: FileHTML, Data: page}, {Name: FileMarkdown, Data: Markdown(r)}, {Name: FileJUnit, Data: junit}, {Name: FileRuns, Data: runs},
	})
}

// JUnit has a suite for each side and a case for each objective; one that could not be
// decided is an error.
func JUnit(r *planning.Result) ([]byte, error) {
	var suites []reports.JUnitSuite
	for i := range r.Sides {
		s := &r.Sides[i]
		suite := reports.JUnitSuite{Name: fmt.Sprintf("%s, %s", r.Scenario, s.Label), Class: "shardquake.plan." + r.Scenario}
		for _, o := range s.Objectives {
			got := scenarios.Outcome{}
			if o.Outcome != nil {
				got = *o.Outcome
			}
			got.Name, got.Verdict, got.Reason = o.Name, o.Verdict, o.Reason
			suite.Outcomes = append(suite.Outcomes, got)
		}
		suites = append(suites, suite)
	}
	return reports.JUnitSuites(suites)
}
