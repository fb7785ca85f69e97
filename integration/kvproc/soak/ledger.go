package soak

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
)

// Key is what a run was of.
type Key struct {
	Revision string `json:"revision"`
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	// Load is how many processors were kept busy meanwhile, Parallel how many runs went on
	// at the same time.
	Load     int `json:"load"`
	Parallel int `json:"parallel"`
}

// Run is a run and what came of it.
type Run struct {
	Key
	// Verdict is pass, fail, unknown, or refused where processes can't have the faults.
	Verdict string  `json:"verdict"`
	Seconds float64 `json:"seconds"`
	// Why are the expectations that didn't pass.
	Why []string `json:"why,omitempty"`
}

// The verdicts.
const (
	Pass    = "pass"
	Fail    = "fail"
	Unknown = "unknown"
	Refused = "refused"
)

// Ledger is the runs in a file.
type Ledger struct {
	path string
	Runs []Run
}

// OpenLedger reads a file, which need not be there yet. A last line that is not whole, of a
// soak that was killed, is left out.
func OpenLedger(path string) (*Ledger, error) {
	l := &Ledger{path: path}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	whole := int64(0)
	for number := 1; lines.Scan(); number++ {
		var r Run
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			if lines.Scan() {
				return nil, fmt.Errorf("%s:%d: %w", path, number, err)
			}
			return l, os.Truncate(path, whole)
		}
		whole += int64(len(lines.Bytes())) + 1
		l.Runs = append(l.Runs, r)
	}
	return l, lines.Err()
}

// Has reports whether a run was made already.
func (l *Ledger) Has(k Key) bool {
	for _, r := range l.Runs {
		if r.Key == k {
			return true
		}
	}
	return false
}

// Add writes a run to the end of the file.
func (l *Ledger) Add(r Run) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	l.Runs = append(l.Runs, r)
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// Row is what came of one scenario under one load.
type Row struct {
	Revision, Scenario              string
	Load, Parallel                  int
	Runs, Passed, Failed, Undecided int
	// InARow is how many of the latest runs, to the last one, passed.
	InARow int
}

// Table sums the runs up, in the order in which their scenarios first came; refused ones
// have no verdict to count.
func (l *Ledger) Table() []Row {
	var rows []Row
	at := make(map[Key]int)
	for _, r := range l.Runs {
		k := r.Key
		k.Seed = 0
		i, ok := at[k]
		if !ok {
			i = len(rows)
			at[k] = i
			rows = append(rows, Row{Revision: k.Revision, Scenario: k.Scenario, Load: k.Load, Parallel: k.Parallel})
		}
		row := &rows[i]
		if r.Verdict == Refused {
			continue
		}
		row.Runs++
		switch r.Verdict {
		case Pass:
			row.Passed++
			row.InARow++
			continue
		case Fail:
			row.Failed++
		default:
			row.Undecided++
		}
		row.InARow = 0
	}
	return rows
}

// Print prints the table and the reasons of what didn't pass.
func (l *Ledger) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REVISION\tSCENARIO\tBUSY\tPARALLEL\tRUNS\tPASS\tFAIL\tUNKNOWN\tIN A ROW")
	for _, r := range l.Table() {
		if r.Runs == 0 {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t0\t-\t-\t-\tnot for processes\n", r.Revision, r.Scenario, r.Load, r.Parallel)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Revision, r.Scenario, r.Load, r.Parallel, r.Runs, r.Passed, r.Failed, r.Undecided, r.InARow)
	}
	for _, r := range l.Runs {
		if r.Verdict != Pass && r.Verdict != Refused {
			fmt.Fprintf(w, "%s of %s, seed %d: %s\n", r.Verdict, r.Scenario, r.Seed, strings.Join(r.Why, "; "))
		}
	}
	return w.Flush()
}
