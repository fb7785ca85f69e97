package main

import (
	"fmt"
	"go/format"
	"maps"
	"os"
	"slices"

	"golang.org/x/tools/go/analysis"
)

// An edit replaces the bytes of a file between two offsets.
type edit struct {
	start, end int
	text       []byte
}

// applyFixes writes the first suggested fix of each finding to its file, and gives
// the findings that have none.
func applyFixes(findings []finding) ([]finding, error) {
	edits := make(map[string][]edit)
	var left []finding
	for _, f := range findings {
		if len(f.SuggestedFixes) == 0 {
			left = append(left, f)
			continue
		}
		for _, e := range f.SuggestedFixes[0].TextEdits {
			name, converted := convert(f, e)
			edits[name] = append(edits[name], converted)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		if err := rewrite(name, edits[name]); err != nil {
			return nil, err
		}
	}
	return left, nil
}

func convert(f finding, e analysis.TextEdit) (string, edit) {
	file := f.pkg.Fset.File(e.Pos)
	end := e.End
	if !end.IsValid() {
		end = e.Pos
	}
	return file.Name(), edit{file.Offset(e.Pos), file.Offset(end), e.NewText}
}

// rewrite applies edits from the end of the file to its beginning. An edit that
// overlaps one already made is left for the next round.
func rewrite(name string, edits []edit) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("fix: %w", err)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return b.start - a.start })
	limit := len(text)
	for _, e := range edits {
		if e.end > limit {
			continue
		}
		text = slices.Concat(text[:e.start], e.text, text[e.end:])
		limit = e.start
	}
	if text, err = format.Source(text); err != nil {
		return fmt.Errorf("fix %s: %w", name, err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("fix: %w", err)
	}
	return nil
}
