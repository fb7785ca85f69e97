package gameday

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/gameday"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Schema is the version of gameday.json.
const Schema = 1

// The files of a game day, beside those of its run.
const (
	FileRecord  = "gameday.json"
	FilePage    = "gameday.html"
	FileToolkit = "chaostoolkit-journal.json"
	FileAgain   = "scenario.yaml"
)

// Sample is what was seen in one second.
type Sample struct {
	T float64             `json:"t"` // since t=0
	P float64             `json:"p"` // of the plan
	V map[string]*float64 `json:"v"`
}

// SampleOf keeps a sight's figures.
func SampleOf(s gameday.Sight) Sample {
	out := Sample{T: seconds(s.At), P: seconds(s.Plan), V: map[string]*float64{}}
	for _, v := range s.Values {
		out.V[v.Figure] = v.Seen
	}
	return out
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// Shown is a sight as the page takes it.
type Shown struct {
	T        float64             `json:"t"`
	Standing string              `json:"standing"`
	Steps    []gameday.StepState `json:"steps"`
	Rails    []gameday.Rail      `json:"rails"`
	Expect   []scenarios.Outcome `json:"expect"`
}

// SightOf is what the page shows of a sight.
func SightOf(s gameday.Sight) Shown {
	return Shown{seconds(s.At), s.Standing, s.Steps, s.Rails, s.Expect}
}

// Compared is a figure as it was predicted and as it came.
type Compared struct {
	Name     string   `json:"name"`
	Unit     string   `json:"unit,omitempty"`
	Lo       float64  `json:"lo"`
	Median   float64  `json:"median"`
	Hi       float64  `json:"hi"`
	Happened *float64 `json:"happened"`
	// Error is the median's distance from what happened, in percent of that; nil where
	// nothing did.
	Error  *float64 `json:"error_percent"`
	Inside bool     `json:"inside"`
}

// Surprise is a stretch of time in which a figure was beyond its band.
type Surprise struct {
	Figure string  `json:"figure"`
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Worst  float64 `json:"worst"`
	Lo     float64 `json:"lo"`
	Hi     float64 `json:"hi"`
}

// Record is all that is kept of a game day.
type Record struct {
	Schema   int              `json:"schema"`
	Began    time.Time        `json:"began"`
	Took     float64          `json:"took_s"`
	Plan     *gameday.Plan    `json:"plan"`
	Hash     string           `json:"hash"`
	Approval gameday.Approval `json:"approval"`
	Despite  string           `json:"despite,omitempty"`
	// Set is what was replaced in the scenario's text.
	Set        []string            `json:"set,omitempty"`
	Prediction *gameday.Prediction `json:"prediction"`
	Moments    []gameday.Moment    `json:"moments"`
	Halt       *gameday.Halt       `json:"halt,omitempty"`
	Samples    []Sample            `json:"samples"`
	Rails      []gameday.Rail      `json:"guardrails"`
	Verdict    scenarios.Verdict   `json:"verdict"`
	Held       string              `json:"prediction_held"` // yes, no, unknown
	Compared   []Compared          `json:"compared"`
	Surprises  []Surprise          `json:"surprises"`
	Actions    []string            `json:"actions"`

	outcomes []scenarios.Outcome
	missing  []string // nodes that are not there at the end, though nothing is in force on them
}

// Conclude compares what was predicted with the report of what happened.
func (r *Record) Conclude(rep *reports.Report, h *observed.History) {
	r.Schema, r.Verdict, r.outcomes, r.missing = Schema, rep.Verdict, rep.Expectations, missing(h)
	inside := true
	for _, e := range r.Prediction.Outcomes {
		c := Compared{Name: e.Name, Unit: e.Unit, Lo: e.Lo, Median: e.Mid, Hi: e.Hi}
		for _, o := range rep.Expectations {
			if o.Name != e.Name || o.Observed == nil {
				continue
			}
			c.Happened = o.Observed
			if *o.Observed != 0 {
				v := math.Round(1000*(e.Mid-*o.Observed)/math.Abs(*o.Observed)) / 10
				c.Error = &v
			}
			c.Inside = *o.Observed >= e.Lo && *o.Observed <= e.Hi
			break
		}
		r.Compared = append(r.Compared, c)
	}
	r.Surprises = surprises(r.Prediction, r.Samples)
	inside = len(r.Surprises) == 0
	switch {
	case r.Halt != nil && len(r.Samples) == 0:
		r.Held = "unknown"
	case inside:
		r.Held = "yes"
	default:
		r.Held = "no"
	}
	if r.Halt != nil && r.Held == "yes" {
		r.Held = "unknown" // as far as it went
	}
	r.Actions = r.proposals()
}

// missing are the nodes that were in the cluster and are not at the end, without those that the
// plan has taken away for good.
func missing(h *observed.History) (out []string) {
	var last []string
	were := map[string]bool{}
	for _, o := range h.Observations {
		if m, is := o.Sight.(observed.Members); is {
			last = m.Nodes
			for _, n := range m.Nodes {
				were[n] = true
			}
		}
	}
	for _, f := range h.Faults {
		if f.Injected && f.HealedAt < 0 {
			for _, v := range f.Victims {
				delete(were, v)
			}
		}
	}
	for _, n := range h.Nodes {
		if were[n] && !slices.Contains(last, n) {
			out = append(out, n)
		}
	}
	return out
}

// leastSurprise is for how many seconds a figure must be out of its band to be told.
const leastSurprise = 3

// surprises are the stretches in which figures were beyond their bands, better or worse.
func surprises(p *gameday.Prediction, samples []Sample) []Surprise {
	out := []Surprise{}
	for _, b := range p.Bands {
		var open *Surprise
		end := func() {
			if open != nil && open.To-open.From >= leastSurprise {
				out = append(out, *open)
			}
			open = nil
		}
		least := leastOf(b.Figure)
		for _, s := range samples {
			v := s.V[b.Figure]
			i := min(max(int(s.P), 0), len(b.Lo)-1)
			if v == nil || *v <= b.Hi[i]+least && *v >= b.Lo[i]-least {
				end()
				continue
			}
			if open == nil {
				open = &Surprise{Figure: b.Figure, From: s.T, Worst: *v, Lo: b.Lo[i], Hi: b.Hi[i]}
			}
			open.To = s.T
			if math.Abs(*v-mid(b, i)) > math.Abs(open.Worst-mid(b, i)) {
				open.Worst, open.Lo, open.Hi = *v, b.Lo[i], b.Hi[i]
			}
		}
		end()
	}
	return out
}

func mid(b gameday.Band, i int) float64 { return (b.Lo[i] + b.Hi[i]) / 2 }

func leastOf(figure string) float64 {
	for _, f := range gameday.Figures() {
		if f.Name == figure {
			return f.Least
		}
	}
	return 0
}

// proposals are what follows from what was seen.
func (r *Record) proposals() []string {
	out := []string{}
	for _, o := range r.outcomes {
		switch o.Verdict {
		case scenarios.Fail:
			out = append(out, fmt.Sprintf("%s failed (%s): find out why, mend it, and keep %s as a test", o.Name, o.Reason, FileAgain))
		case scenarios.Unknown:
			out = append(out, fmt.Sprintf("%s could not be decided (%s): make it decidable, or leave it out", o.Name, o.Reason))
		}
	}
	for _, n := range r.missing {
		out = append(out, fmt.Sprintf("node %s has not come back, though nothing is in force on it: read its log and start it by hand; until then it counts as down", n))
	}
	out = append(out, r.unpredicted()...)
	if r.Halt != nil {
		out = append(out, fmt.Sprintf("it was halted by %s (%s): say what must be different before the next begins", r.Halt.Who, r.Halt.Reason))
		if r.Halt.Error != "" {
			out = append(out, "not everything was undone ("+r.Halt.Error+"): shardquake gameday heal with its journal")
		}
	}
	if len(out) == 0 {
		out = append(out, "none: it held, as predicted; a harder plan is the next one")
	}
	return out
}

// unpredicted is one proposal for each figure that left its band.
func (r *Record) unpredicted() (out []string) {
	for _, b := range r.Prediction.Bands {
		var worst *Surprise
		times := 0
		for i := range r.Surprises {
			s := &r.Surprises[i]
			if s.Figure != b.Figure {
				continue
			}
			times++
			if worst == nil || s.To-s.From > worst.To-worst.From {
				worst = s
			}
		}
		if worst != nil {
			out = append(out, fmt.Sprintf("%s left its band (%d×), for longest from %.0f s to %.0f s (%.4g where %.4g to %.4g was predicted): measure what the simulator doesn't know of (shardquake calibrate, shardquake fidelity), or correct the description of the cluster",
				b.Figure, times, worst.From, worst.To, worst.Worst, worst.Lo, worst.Hi))
		}
	}
	return out
}

// Write writes the files of the game day.
func (r *Record) Write(dir string, res *scenarios.Result, text []byte) error {
	record, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	toolkit, err := json.MarshalIndent(r.toolkit(res), "", " ")
	if err != nil {
		return err
	}
	html, err := r.HTML(res)
	if err != nil {
		return err
	}
	var errs []error
	for name, data := range map[string][]byte{FileRecord: record, FileToolkit: toolkit, FilePage: html, FileAgain: text} { //determinism:allow map-order files of their own
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	return errors.Join(errs...)
}
