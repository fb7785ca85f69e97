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
	Time     string      `xml:"time,attr,omitempty"`
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

// JUnitSuite is what becomes a suite: a case for each outcome.
type JUnitSuite struct {
	Name, Class string
	Seconds     float64
	Outcomes    []scenarios.Outcome
	Aborted     string // why it ended early; "" it did not
}

// JUnit writes runs for CI: a suite for each run, a case for each expectation; one
// that could not be decided is an error, and so is a run that was aborted.
func JUnit(reports []*Report) ([]byte, error) {
	var all []JUnitSuite
	for _, r := range reports {
		all = append(all, JUnitSuite{
			Name: r.Scenario + " (" + r.Backend + ", seed " + fmt.Sprint(r.Seed) + ")", Class: "shardquake." + r.Scenario,
			Seconds: r.VirtualS, Outcomes: r.Expectations, Aborted: r.Aborted,
		})
	}
	return JUnitSuites(all)
}

// JUnitSuites writes suites for CI.
func JUnitSuites(suites []JUnitSuite) ([]byte, error) {
	var all []JUnitCases
	for _, from := range suites {
		s := JUnitCases{Name: from.Name, Time: fmt.Sprintf("%.3f", from.Seconds)}
		for _, e := range from.Outcomes {
			s.Cases = append(s.Cases, JUnitCase{
				Name: e.Name, Class: from.Class, Verdict: e.Verdict, Message: e.Reason,
				Text: fmt.Sprintf("observed %s, limit %s", quantity(e.Observed, e.Unit), quantity(e.Limit, e.Unit)),
			})
		}
		if from.Aborted != "" {
			s.Cases = append(s.Cases, JUnitCase{Name: "run to the end", Class: from.Class, Verdict: scenarios.Unknown, Message: from.Aborted})
		}
		all = append(all, s)
	}
	return WriteJUnit(all)
}

// JUnitCases is a suite of any kind; Time is in seconds, "" unknown.
type JUnitCases struct {
	Name, Time string
	Cases      []JUnitCase
}

// JUnitCase is a failure, an error where it could not be decided, or neither.
type JUnitCase struct {
	Name, Class   string
	Verdict       scenarios.Verdict
	Message, Text string
}

// WriteJUnit writes suites of any kind.
func WriteJUnit(suites []JUnitCases) ([]byte, error) {
	var all junitSuites
	for _, from := range suites {
		s := junitSuite{Name: from.Name, Time: from.Time, Tests: len(from.Cases)}
		for _, k := range from.Cases {
			c, problem := junitCase{Name: k.Name, Class: k.Class}, &junitProblem{Message: k.Message, Text: k.Text}
			switch k.Verdict {
			case scenarios.Fail:
				c.Failure = problem
				s.Failures++
			case scenarios.Unknown:
				c.Error = problem
				s.Errors++
			}
			s.Cases = append(s.Cases, c)
		}
		all.Suites = append(all.Suites, s)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}
