package reports

import (
	"encoding/xml"
	"fmt"

	"github.com/shardquake/shardquake/scenarios"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
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
	Text    string `xml:",chardata"`
}

// JUnit writes runs for CI: a suite for each run, a case for each expectation; one
// that could not be decided is an error, and so is a run that was aborted.
func JUnit(reports []*Report) ([]byte, error) {
	var all junitSuites
	for _, r := range reports {
		s := junitSuite{Name: r.Scenario + " (" + r.Backend + ", seed " + fmt.Sprint(r.Seed) + ")", Time: fmt.Sprintf("%.3f", r.VirtualS)}
		for _, e := range r.Expectations {
			c := junitCase{Name: e.Name, Class: "shardquake." + r.Scenario}
			problem := &junitProblem{Message: e.Reason, Text: fmt.Sprintf("observed %s, limit %s", quantity(e.Observed, e.Unit), quantity(e.Limit, e.Unit))}
			switch e.Verdict {
			case scenarios.Fail:
				c.Failure = problem
				s.Failures++
			case scenarios.Unknown:
				c.Error = problem
				s.Errors++
			}
			s.Cases = append(s.Cases, c)
		}
		if r.Aborted != "" {
			s.Cases = append(s.Cases, junitCase{Name: "run to the end", Class: "shardquake." + r.Scenario, Error: &junitProblem{Message: r.Aborted}})
			s.Errors++
		}
		s.Tests = len(s.Cases)
		all.Suites = append(all.Suites, s)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}
