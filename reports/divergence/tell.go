package divergence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Knowing is who knew of a fault when.
type Knowing struct {
	Fault Moment `json:"fault"`
	// Steps are, in order of time, the first sight of it by each node and by the cluster, and
	// what the controller and the recoveries did, until the next fault.
	Steps []Moment `json:"steps"`
	More  int      `json:"more"`
}

// mostSteps bounds what is told of a fault.
const mostSteps = 40

// Tell retells a run: from each fault on, who knew what when.
func Tell(trace []byte) ([]Knowing, error) {
	all, err := Parse(trace)
	if err != nil {
		return nil, err
	}
	var out []Knowing
	said := ""
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(a.AtS, b.AtS) })
	for _, e := range all {
		if e.Kind == "fault" {
			out = append(out, Knowing{Fault: Moment{AtS: e.AtS, Text: e.Text()}})
			said = ""
			continue
		}
		if len(out) == 0 || (!e.Weighs() && e.Kind != "view" && !failedWrite(e)) {
			continue
		}
		k := &out[len(out)-1]
		text := e.Text()
		if text == said {
			continue
		}
		said = text
		if len(k.Steps) == mostSteps {
			k.More++
			continue
		}
		k.Steps = append(k.Steps, Moment{AtS: e.AtS, Text: text})
	}
	return out, nil
}

// failedWrite is whether a client noticed: a followed write was not acknowledged.
func failedWrite(e Entry) bool {
	var d struct{ Result string }
	return e.Kind == "tracer" && json.Unmarshal(e.Data, &d) == nil && d.Result != "acked"
}

// Write tells it for a terminal, with times since the fault.
func (k Knowing) Write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%9.3f s  %s\n", k.Fault.AtS, k.Fault.Text)
	for _, s := range k.Steps {
		fmt.Fprintf(&b, "  +%8.3f s  %s\n", s.AtS-k.Fault.AtS, s.Text)
	}
	if k.More > 0 {
		fmt.Fprintf(&b, "  … and %d more\n", k.More)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
