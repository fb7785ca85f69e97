package gameday

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
)

// unbegunBody is the page of a game day that was halted before anything was done.
const unbegunBody = `{{template "verdict" .Head}}
<p class="meta">began {{.R.Began.Format "2006-01-02 15:04:05 MST"}}{{with .R.Hash}}; plan {{.}}{{end}}{{with .R.Approval.Name}}; approved by {{.}}: {{$.R.Approval.Reason}}{{end}}</p>
<h2>What follows</h2><ul>{{range .R.Actions}}<li>{{.}}</li>{{end}}</ul>
<h2>Log</h2><table class="stack"><tbody>{{range .R.Moments}}<tr><td>{{.Kind}}</td><td>{{.Who}}</td><td class="reason">{{.Text}}</td></tr>{{end}}</tbody></table>
`

// WriteUnbegun writes the files of a game day that was halted before its run began: nothing was
// done, so that there is nothing to compare.
func (r *Record) WriteUnbegun(dir, scenario string, text []byte) error {
	r.Schema, r.Verdict, r.Held = Schema, scenarios.Unknown, "unknown"
	r.Samples, r.Compared, r.Surprises = []Sample{}, []Compared{}, []Surprise{}
	r.Actions = []string{fmt.Sprintf("it was halted by %s (%s): say what must be different before the next begins", r.Halt.Who, r.Halt.Reason)}
	record, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	head := page.Verdict{Mark: string(r.Verdict), Text: "HALTED", Title: scenario, Headline: fmt.Sprintf("Halted by %s while it was %s: %s. Nothing had been done.", r.Halt.Who, r.Halt.During, r.Halt.Reason)}
	html, err := page.Render(page.Content{Title: "Game day " + scenario, Body: unbegunBody, V: map[string]any{"Head": head, "R": r}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, f := range []struct {
		name string
		data []byte
	}{{FileRecord, record}, {FilePage, html}, {FileAgain, text}} {
		errs = append(errs, os.WriteFile(filepath.Join(dir, f.name), f.data, 0o644))
	}
	return errors.Join(errs...)
}
