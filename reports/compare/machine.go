package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// JSON is the comparison for programs.
func (r *Result) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	return append(text, '\n'), nil
}

// JUnit writes a suite for each contender and scenario: what got worse is a failure, what is
// undecided an error.
func (r *Result) JUnit() ([]byte, error) {
	var all []reports.JUnitCases
	for _, c := range r.Contenders {
		for _, s := range c.Scenarios {
			suite := reports.JUnitCases{Name: fmt.Sprintf("%s: %s against %s", s.Name, c.Label, r.Base)}
			add := func(name string, v Verdict, text string) {
				verdict := scenarios.Pass
				switch v {
				case Worse:
					verdict = scenarios.Fail
				case Undecided:
					verdict = scenarios.Unknown
				case Unchanged, Same, Better, Differs:
				}
				suite.Cases = append(suite.Cases, reports.JUnitCase{Name: name, Class: "shardquake.compare." + s.Name, Verdict: verdict, Message: text})
			}
			add("expectations", s.Verdicts.Verdict, s.held())
			for _, row := range s.Rows {
				if row.Gates {
					add(row.Name, row.Verdict, fmt.Sprintf("%s: %s → %s, %s", row.words(), amount(float64(row.Base), row.Unit), amount(float64(row.Now), row.Unit), row.change()))
				}
			}
			all = append(all, suite)
		}
	}
	return reports.WriteJUnit(all)
}

// GitHub writes workflow commands that annotate the expectations' lines.
func (r *Result) GitHub() []byte {
	var b bytes.Buffer
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, c := range r.Contenders {
		for _, s := range c.ordered() {
			tell := func(v Verdict, line int, text string) {
				level := map[Verdict]string{Worse: "error", Undecided: "warning", Better: "notice"}[v]
				if level == "" {
					return
				}
				at := ""
				if s.File != "" {
					at = " file=" + property.Replace(s.File)
					if line > 0 {
						at += fmt.Sprintf(",line=%d", line)
					}
				}
				fmt.Fprintf(&b, "::%s%s::%s\n", level, at, escape.Replace(fmt.Sprintf("%s (%s against %s): %s", s.Name, c.Label, r.Base, text)))
			}
			if h := s.held(); h != "" {
				tell(s.Verdicts.Verdict, 0, h)
			}
			for _, row := range s.worstFirst(false) {
				if row.Gates {
					tell(row.Verdict, row.Line, fmt.Sprintf("%s %s: %s", row.Name, row.words(), row.change()))
				}
			}
		}
	}
	return b.Bytes()
}
