package fidelity

import (
	"fmt"
	"os"
	"path/filepath"
)

// The files that a comparison leaves.
const (
	FileJSON     = "fidelity.json"
	FileMarkdown = "fidelity.md"
	FilePlot     = "fidelity.svg"
	FileHTML     = "fidelity.html"
)

// Write leaves the table as JSON, Markdown, page and plot in a folder, which is made where it
// is missing; files of the same names are replaced, others are left alone.
func (t *Table) Write(dir string) error {
	text, err := t.JSON()
	if err != nil {
		return err
	}
	html, err := t.HTML()
	if err != nil {
		return err
	}
	plot, err := t.SVG()
	if err != nil {
		return fmt.Errorf("%s: %w", FilePlot, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{FileJSON, text}, {FileMarkdown, t.Markdown()}, {FilePlot, plot}, {FileHTML, html}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
