package compare

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/quantity"
	"github.com/shardquake/shardquake/scenarios"
)

// HistorySchema is the version of a history's lines. Lines of earlier versions stay readable.
const HistorySchema = reports.HistorySchema

// Record is one run as comparisons and histories keep it.
type Record struct {
	Schema string `json:"schema"`
	// Label is the side that it was run for, Branch what it was run of; both may be absent.
	Label        string            `json:"label,omitempty"`
	Branch       string            `json:"branch,omitempty"`
	Scenario     string            `json:"scenario"`
	ScenarioHash string            `json:"scenario_hash,omitempty"`
	System       string            `json:"system"`
	Backend      string            `json:"backend"`
	Scale        string            `json:"scale"`
	Seed         uint64            `json:"seed"`
	Version      version.Build     `json:"version"`
	Machine      string            `json:"machine,omitempty"`
	Verdict      scenarios.Verdict `json:"verdict"`
	Aborted      string            `json:"aborted,omitempty"`
	EndS         float64           `json:"end_s"`
	TraceSHA256  string            `json:"trace_sha256,omitempty"`
	// TraceHash is that of every event of the simulator, of runs that left no trace.
	TraceHash    string           `json:"trace_hash,omitempty"`
	Expectations []Expectation    `json:"expectations"`
	Figures      []reports.Figure `json:"figures"`
	// Tolerance is what the scenario says of quantities.
	Tolerance map[string]units.Tolerance `json:"tolerance,omitempty"`
	// Exact says that the figures are no sample but what all runs of a plan together come to.
	Exact bool `json:"exact,omitempty"`
	// Look and Looks are those of the comparison that it was made for; absent where none.
	Look  int `json:"look,omitempty"`
	Looks int `json:"looks,omitempty"`
}

// Expectation is one of a record's expectations.
type Expectation struct {
	Name    string            `json:"name"`
	Verdict scenarios.Verdict `json:"verdict"`
	// Better says which way its figure improves: lower, higher, or "" where it has none.
	Better    string           `json:"better,omitempty"`
	Tolerance *units.Tolerance `json:"tolerance,omitempty"`
	Line      int              `json:"line,omitempty"`
}

// The ways in which a figure improves.
const (
	lower  = "lower"
	higher = "higher"
)

// Origin is what a report does not say of its run.
type Origin struct {
	Label, Branch, Machine string
	// Text is the scenario's, and Tolerance what it says of quantities.
	Text      []byte
	Tolerance map[string]units.Tolerance
}

// RecordOf keeps a report.
func RecordOf(r *reports.Report, o Origin) Record {
	rec := Record{
		Schema: HistorySchema, Label: o.Label, Branch: o.Branch, Machine: o.Machine, Scenario: r.Scenario, System: r.System, Backend: r.Backend,
		Scale: string(r.Scale), Seed: r.Seed, Version: r.Version, Verdict: r.Verdict, Aborted: r.Aborted, EndS: r.EndS,
		TraceSHA256: r.TraceSHA256, Figures: reports.Figures(r), Tolerance: o.Tolerance,
	}
	rec.ScenarioHash = o.hash()
	for _, e := range r.Expectations {
		rec.Expectations = append(rec.Expectations, Expectation{e.Name, e.Verdict, betterOf(e), e.Tolerance, e.Line})
	}
	return rec
}

// hash is that of the scenario's text; "" where it is not at hand.
func (o Origin) hash() string {
	if o.Text == nil {
		return ""
	}
	sum := sha256.Sum256(o.Text)
	return hex.EncodeToString(sum[:8])
}

// betterOf tells from the margin on which side of its limit a figure should be.
func betterOf(e scenarios.Outcome) string {
	if e.Observed == nil || e.Limit == nil || e.Margin == nil {
		return ""
	}
	const near = 1e-6
	switch m := *e.Limit - *e.Observed; {
	case m == 0 || (*e.Margin-m < near && m-*e.Margin < near):
		return lower
	case *e.Margin+m < near && -m-*e.Margin < near:
		return higher
	}
	return ""
}

// value is a figure of the record.
func (r Record) value(name string) (float64, bool) {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value, true
		}
	}
	return 0, false
}

// quantities are those that the record can be compared by, in its order.
func (r Record) quantities() []quantity.Quantity {
	var out []quantity.Quantity
	for _, e := range r.Expectations {
		way := map[string]quantity.Better{lower: quantity.Lower, higher: quantity.Higher}[e.Better]
		if way == quantity.Neither {
			continue
		}
		unit := ""
		for _, f := range r.Figures {
			if f.Name == e.Name {
				unit = f.Unit
			}
		}
		q := quantity.OfExpectation(e.Name, unit, way)
		if e.Tolerance != nil {
			q.Minimum = *e.Tolerance
		}
		q.Never = r.Exact && e.Name != fleetPrice // what has no price may have a fleet
		out = append(out, q)
	}
	for _, s := range reports.ScoreKinds() {
		q := s.Quantity
		if t, ok := r.Tolerance[q.Name]; ok {
			q.Minimum = t
		}
		out = append(out, q)
	}
	return out
}

// line is where an expectation stands in its file; 0 unknown.
func (r Record) line(name string) int {
	for _, e := range r.Expectations {
		if e.Name == name {
			return e.Line
		}
	}
	return 0
}

// WriteRecords appends records to a history, a line each.
func WriteRecords(out io.Writer, records []Record) error {
	var b bytes.Buffer
	for _, r := range records {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	_, err := out.Write(b.Bytes())
	return err
}

// mostLine bounds a line of a history.
const mostLine = 16 << 20

// ReadRecords reads a history. Lines that can't be read are told of, and left out.
func ReadRecords(in io.Reader) (records []Record, bad []string, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			bad = append(bad, fmt.Sprintf("line %d: %v", n, err))
			continue
		}
		if r.Schema != HistorySchema {
			bad = append(bad, fmt.Sprintf("line %d: schema %q; this version reads %q", n, r.Schema, HistorySchema))
			continue
		}
		records = append(records, r)
	}
	return records, bad, lines.Err()
}
