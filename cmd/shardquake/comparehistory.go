package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/reports/compare"
)

// isHistory is whether the argument is a history, by its name.
func isHistory(args []string) bool {
	return len(args) == 1 && strings.HasSuffix(args[0], ".jsonl")
}

// ofHistory compares anew what a history tells.
func (c *comparison) ofHistory(path string) (*compare.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, exit.Usage(err)
	}
	defer f.Close() //nolint:errcheck // reading only
	records, bad, err := compare.ReadRecords(f)
	if err != nil {
		return nil, exit.Usagef("%s: %w", path, err)
	}
	if len(records) == 0 {
		return nil, exit.Usagef("%s holds no run that can be read: %v", path, bad)
	}
	for _, b := range bad {
		c.notes = append(c.notes, path+": "+b)
	}
	sides, err := c.flags.sidesOfHistory(records)
	if err != nil {
		return nil, exit.Usagef("%s: %w", path, err)
	}
	for _, s := range sides {
		c.sides = append(c.sides, sideSpec{label: s.Label})
		c.records[s.Label] = s.Records
	}
	look, looks := compare.LookOf(sides)
	result, err := c.judge(compare.Options{Level: c.flags.level, Look: look, Looks: looks})
	return result, exit.Usage(err)
}

// sidesOfHistory are those that are named by revision, or the last ones.
func (f *compareFlags) sidesOfHistory(records []compare.Record) ([]compare.Chosen, error) {
	if len(f.sides) == 0 {
		return compare.LastSides(records)
	}
	if len(f.sides) == 1 {
		return nil, fmt.Errorf("--side %s: a history has no scenario as it is to compare with; name two sides", f.sides[0])
	}
	var out []compare.Chosen
	for _, text := range f.sides {
		label, what, ok := strings.Cut(text, "=")
		revision, isRevision := strings.CutPrefix(what, "revision:")
		if !ok || label == "" || !isRevision || revision == "" {
			return nil, fmt.Errorf("--side %q: of a history expected LABEL=revision:REVISION", text)
		}
		side, err := compare.OfRevision(records, label, revision)
		if err != nil {
			return nil, fmt.Errorf("--side %s: %w", label, err)
		}
		out = append(out, side)
	}
	return out, nil
}
