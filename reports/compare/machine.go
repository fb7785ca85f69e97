package compare

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// JSON is the comparison for programs.
func (r *Result) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	return append(text, '\n'), nil
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
}

// JUnit writes a suite for each contender and scenario: what got worse is a failure, what is
// undecided an error.
func (r *Result) JUnit() ([]byte, error) {
	var all junitSuites
	for _, c := range r.Contenders {
		for _, s := range c.Scenarios {
			suite := junitSuite{Name: fmt.Sprintf("%s: %s against %s", s.Name, c.Label, r.Base)}
			add := func(name string, v Verdict, text string) {
				kase := junitCase{Name: name, Class: "shardquake.compare." + s.Name}
				switch v {
				case Worse:
					kase.Failure = &junitProblem{text}
					suite.Failures++
				case Undecided:
					kase.Error = &junitProblem{text}
					suite.Errors++
				case Unchanged, Same, Better, Differs:
				}
				suite.Cases = append(suite.Cases, kase)
			}
			add("expectations", s.Verdicts.Verdict, s.held())
			for _, row := range s.Rows {
				if row.Gates {
					add(row.Name, row.Verdict, fmt.Sprintf("%s: %s → %s, %s", row.words(), amount(float64(row.Base), row.Unit), amount(float64(row.Now), row.Unit), row.change()))
				}
			}
			suite.Tests = len(suite.Cases)
			all.Suites = append(all.Suites, suite)
		}
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
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
