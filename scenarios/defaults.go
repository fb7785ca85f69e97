package scenarios

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Defaults fills in what a file leaves out. A zero that the file has is not left out: where
// it makes no sense it is a problem.
type Defaults struct {
	has      func(path string) bool // whether the file has something there
	problems []source.Problem
}

// Fill gives a field its default. Want says what a file should have instead of a zero; ""
// lets the zero stand.
func Fill[T comparable](d *Defaults, path string, field *T, value T, want string) {
	var zero T
	switch {
	case *field != zero:
	case !d.has(path):
		*field = value
	case want != "":
		d.problems = append(d.problems, source.Problemf(path, "%v makes no sense here; expected %s, or nothing for the default", zero, want))
	}
}

// Has reports whether the file has something at a path, default values apart.
func (d *Defaults) Has(path string) bool { return d.has(path) }

// Bad notes what is wrong with the file, where that shows only before defaults are filled in.
func (d *Defaults) Bad(path, format string, args ...any) {
	d.problems = append(d.problems, source.Problemf(path, format, args...))
}

// complete fills in what the file leaves out, and says which zeros make no sense.
func (s *Scenario) complete(has func(path string) bool) []source.Problem {
	d := &Defaults{has: has}
	Fill(d, "$.format", &s.Format, FileFormat, "the number of a file format, such as 1")
	Fill(d, "$.seed", &s.Seed, 1, "a number from 1 on")
	Fill(d, "$.settle", &s.Settle, units.Duration(time.Minute), "") // 0s: don't wait
	for i, e := range s.Faults {
		if e.Fault != nil && !e.Passes() {
			var lasts units.Duration
			Fill(d, fmt.Sprintf("$.faults[%d].%s.for", i, e.Fault.Kind()), &lasts, 0, "a time such as 30s")
		}
	}
	s.Cluster.Nodes.complete(d)
	if s.Client == nil {
		s.Client = &ClientSection{}
	}
	Fill(d, "$.client.slow", &s.Client.Slow, units.Duration(time.Second), "a time such as 1s")
	if s.system != nil {
		s.system.Complete(s, d)
	}
	Fill(d, "$.steady-within", &s.Steady, units.Duration(3*time.Minute), "a time such as 3m")
	for _, e := range s.Expect {
		if c, ok := e.Expectation.(Completer); ok {
			c.Complete(s)
		}
	}
	s.completeExplore(d)
	s.completeGameday(d)
	return d.problems
}
