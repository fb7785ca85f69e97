// Package parts is a fault and an expectation of one's own.
package parts

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Hiccup freezes the nodes of a zone for a moment, one blow for all of them.
type Hiccup struct {
	Zone string         `yaml:"zone" json:"zone" jsonschema:"required"`
	For  chaos.Duration `yaml:"for" json:"for" jsonschema:"required"`
}

// Fault is the kind, for a program or a test to register.
func Fault() chaos.Kind {
	return chaos.Kind{Name: "hiccup", About: "all nodes of a zone freeze for a moment", Ails: true, New: func() chaos.Fault { return &Hiccup{} }}
}

// Kind implements [chaos.Fault].
func (*Hiccup) Kind() string { return "hiccup" }

// Lasts implements [chaos.Fault].
func (f *Hiccup) Lasts() time.Duration { return f.For.D() }

// Check implements [chaos.Fault].
func (f *Hiccup) Check(t chaos.Topology) []chaos.Problem {
	for _, a := range t.Attributes {
		if a["zone"] == f.Zone {
			return nil
		}
	}
	return []chaos.Problem{{Path: "zone", Message: fmt.Sprintf("no node is in zone %q", f.Zone)}}
}

// Resolve implements [chaos.Fault]: a hiccup is made of what ships.
func (f *Hiccup) Resolve(v chaos.View) (chaos.Resolved, error) {
	pause := chaos.NodeLoss{Nodes: []chaos.Selector{chaos.Selector("zone=" + f.Zone)}, How: "pause", For: f.For}
	r, err := pause.Resolve(v)
	r.Fault = f
	return r, err
}

// Calm expects that the controller doesn't act more often than that.
type Calm struct {
	Most int `yaml:"calm" jsonschema:"required,minimum=0"`
}

// Expectation is the kind, for a program or a test to register.
func Expectation() scenarios.ExpectationKind {
	return scenarios.ExpectationKind{Name: "calm", About: "the controller acts no more often", New: func() scenarios.Expectation { return &Calm{} }}
}

// Kind implements [scenarios.Expectation].
func (*Calm) Kind() string { return "calm" }

// Check implements [scenarios.Expectation].
func (e *Calm) Check(*scenarios.Scenario) []chaos.Problem {
	if e.Most < 0 {
		return []chaos.Problem{{Path: "calm", Message: "a number of actions can't be negative"}}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *Calm) Judge(h *observed.History) []scenarios.Outcome {
	acted := 0
	for _, d := range h.Decisions {
		if d.Acted {
			acted++
		}
	}
	o := scenarios.Outcome{Name: "actions of the controller", Verdict: scenarios.Pass, Reason: fmt.Sprintf("it acted %d times", acted),
		Observed: scenarios.Number(float64(acted)), Limit: scenarios.Number(float64(e.Most)), Margin: scenarios.Number(float64(e.Most - acted))}
	if acted > e.Most {
		o.Verdict = scenarios.Fail
	}
	return []scenarios.Outcome{o}
}
