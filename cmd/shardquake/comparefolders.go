package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/reports/losses"
	"github.com/shardquake/shardquake/scenarios"
)

// areFolders is whether all arguments are folders; some folders among scenarios are refused.
func areFolders(args []string) (bool, error) {
	n := 0
	for _, a := range args {
		info, err := os.Stat(a)
		if err == nil && info.IsDir() {
			n++
		}
	}
	if n > 0 && n < len(args) {
		return false, errors.New("scenarios and folders of runs can't be mixed: name either")
	}
	return n > 0, nil
}

// ofFolders compares what runs and sweeps have left; each folder is a side.
func (c *comparison) ofFolders(dirs []string) (*compare.Result, error) {
	for _, dir := range dirs {
		label := filepath.Clean(dir)
		c.sides = append(c.sides, sideSpec{label: label, backend: "sim"})
		if err := c.readFolder(label, dir); err != nil {
			return nil, exit.Usage(err)
		}
		if len(c.records[label]) == 0 {
			for _, n := range c.notes {
				err := errors.New(n)
				return nil, exit.Usagef("%s holds no run that can be compared: %w", dir, err)
			}
			return nil, exit.Usagef("%s holds no run that can be compared: no %s and no %s in it or in its folders", dir, reports.FileReport, reports.FileRuns)
		}
	}
	result, err := c.judge(compare.Options{Level: c.flags.level})
	return result, exit.Usage(err)
}

// readFolder takes in every run below a folder. What can't be read is noted, and left out.
func (c *comparison) readFolder(label, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == reports.DirWorst && path != dir:
			return fs.SkipDir // one of the sweep's seeds once more
		case d.IsDir() && d.Name() == losses.DirRuns && there(filepath.Join(filepath.Dir(path), losses.FileJSON)):
			return fs.SkipDir // single runs of a plan, whose records are all in one file
		case d.Name() == reports.FileRuns && there(filepath.Join(filepath.Dir(path), losses.FileJSON)):
			return c.readPlan(label, path)
		case d.Name() == reports.FileRuns:
			return c.readSweep(label, path)
		case d.Name() == losses.FileJSON && !there(filepath.Join(filepath.Dir(path), reports.FileRuns)):
			c.notes = append(c.notes, fmt.Sprintf("%s: the plan is older than %s and tells what its runs have in common only", path, reports.FileRuns))
		case d.Name() == reports.FileReport:
			if err := c.readRun(label, filepath.Dir(path)); err != nil {
				c.notes = append(c.notes, err.Error())
			}
		case d.Name() == reports.FileSweep:
			if !there(filepath.Join(filepath.Dir(path), reports.FileRuns)) {
				c.notes = append(c.notes, fmt.Sprintf("%s: the sweep is older than %s and tells distributions only", path, reports.FileRuns))
			}
		}
		return nil
	})
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (c *comparison) readSweep(label, path string) error {
	records, err := c.recordsOf(path)
	c.add(label, records)
	return err
}

// readPlan takes in the runs of a plan. Of one with a change they are those with the change,
// as its verdict is.
func (c *comparison) readPlan(label, path string) error {
	records, err := c.recordsOf(path)
	if len(records) == 0 {
		return err
	}
	last := records[len(records)-1].Label
	if kept := slices.DeleteFunc(slices.Clone(records), func(r compare.Record) bool { return r.Label != last }); len(kept) < len(records) {
		c.notes = append(c.notes, fmt.Sprintf("%s: the plan's first side; of its two %q is compared", filepath.Dir(path), last))
		records = kept
	}
	c.add(label, records)
	return err
}

func (c *comparison) add(label string, records []compare.Record) {
	for _, r := range records {
		r.Label = label
		c.records[label] = append(c.records[label], r)
	}
}

// recordsOf reads lines of a history; those that can't be read are noted.
func (c *comparison) recordsOf(path string) ([]compare.Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // reading only
	records, bad, err := compare.ReadRecords(f)
	for _, b := range bad {
		c.notes = append(c.notes, path+": "+b)
	}
	return records, err
}

func (c *comparison) readRun(label, dir string) error {
	rep, err := reports.ReadReport(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	origin := compare.Origin{Label: label, Branch: c.flags.branch}
	if _, text, err := reports.ReadPlan(dir); err == nil {
		origin.Text = text
		if s, err := scenarios.Parse(filepath.Join(dir, reports.FileScenario), text, catalog.Vocabulary()); err == nil {
			origin.Tolerance = s.Tolerance
		}
	}
	rec := compare.RecordOf(rep, origin)
	c.records[label] = append(c.records[label], rec)
	c.traces[traceKey{label, rec.Scenario, rec.Seed}] = func(context.Context) ([]byte, error) { return reports.ReadTrace(dir, rep) }
	return nil
}
