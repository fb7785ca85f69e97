package gameday

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Rail is how far a guardrail is from being touched.
type Rail struct {
	Name    string `json:"name"`
	Touched bool   `json:"touched"`
	Saw     string `json:"saw"`
	// Used is how much of what is allowed is used up, from 0 to 1; below 0: not known.
	Used float64 `json:"used"`
}

// Value is a figure as it was observed, beside the band.
type Value struct {
	Figure string   `json:"figure"`
	Seen   *float64 `json:"seen"` // nil: nothing was
	Lo     float64  `json:"lo"`
	Hi     float64  `json:"hi"`
	Out    bool     `json:"out"` // it is beyond the band
}

// Sight is how things are in one second of a game day.
type Sight struct {
	At, Plan time.Duration
	Standing string // why the plan stands, "" when it doesn't
	Values   []Value
	Rails    []Rail
	Expect   []scenarios.Outcome
	History  *observed.History
	Steps    []StepState
}

// StepState is a step and whether it has begun.
type StepState struct {
	Name  string `json:"name"`
	State string `json:"state"` // ahead, waiting, begun
}

// rails judge.
type rails struct {
	cfg        Config
	prediction *Prediction
	out        map[string]time.Duration // since when a figure has been out of its band
	mute       time.Duration            // since when no node has answered; -1: some do
	// failing is since when a probe has failed.
	failing map[string]time.Duration
}

func newRails(cfg Config, p *Prediction) *rails {
	return &rails{cfg: cfg, prediction: p, out: map[string]time.Duration{}, failing: map[string]time.Duration{}, mute: -1}
}

// judge judges every guardrail; planOver is whether the plan has ended, and the clients with it.
func (r *rails) judge(ctx context.Context, h *observed.History, now, plan time.Duration, planOver bool) []Rail {
	g := r.cfg.Loaded.Gameday
	var out []Rail
	for _, e := range g.Guardrails {
		for _, o := range e.Judge(h) {
			rail := Rail{Name: o.Name, Touched: o.Verdict == scenarios.Fail, Saw: o.Reason, Used: -1}
			if o.Observed != nil && o.Limit != nil && *o.Limit > 0 {
				rail.Used = max(0, *o.Observed / *o.Limit)
			}
			out = append(out, rail)
		}
	}
	out = append(out, r.departures(h, now, plan, planOver)...)
	out = append(out, r.silence(h, now))
	for _, p := range g.Probes {
		out = append(out, r.probe(ctx, p, now))
	}
	return out
}

// margin is what a figure may be beyond its band.
func margin(f Figure, d *scenarios.GamedayDeparture, lo, hi float64) float64 {
	end := hi
	if f.LessIsWorse {
		end = lo
	}
	return max(f.Least, float64(end*float64(d.By)/100))
}

// departures judges how far the figures are from what was predicted. Only what is worse than
// predicted ends a game day: what is better is for the report.
func (r *rails) departures(h *observed.History, now, plan time.Duration, planOver bool) (out []Rail) {
	d := r.cfg.Loaded.Gameday.Departure
	if d == nil {
		return nil
	}
	for _, f := range Figures() {
		b := r.prediction.band(f.Name)
		if b == nil || planOver && f.OfClients || len(d.Figures) > 0 && !slices.Contains(d.Figures, f.Name) {
			continue
		}
		v, seen := f.track(h).at(now)
		lo, hi := b.at(plan)
		m := margin(f, d, lo, hi)
		beyond := seen && (v > hi+m || f.LessIsWorse && v < lo-m)
		if f.LessIsWorse {
			beyond = seen && v < lo-m
		}
		since, was := r.out[f.Name]
		switch {
		case !beyond:
			delete(r.out, f.Name)
		case !was:
			since = now
			r.out[f.Name] = now
		}
		rail := Rail{Name: "departure of " + f.Name, Saw: fmt.Sprintf("%.4g%s, predicted %.4g to %.4g", v, f.Unit, lo, hi)}
		if !seen {
			rail.Saw = "nothing seen yet"
		}
		if beyond {
			lasted := now - since
			rail.Touched = lasted >= d.For.D()
			rail.Used = 1
			if d.For > 0 {
				rail.Used = float64(lasted) / float64(d.For.D())
			}
			rail.Saw += fmt.Sprintf(", for %s", lasted.Round(time.Second))
		}
		out = append(out, rail)
	}
	return out
}

// silence judges whether any node answers: no data is an alarm.
func (r *rails) silence(h *observed.History, now time.Duration) Rail {
	last := map[string]string{}
	for _, o := range h.Observations {
		if v, is := o.Sight.(observed.View); is {
			last[v.Node] = v.State
		}
	}
	answering := len(last) == 0 // a system whose nodes are not asked one by one
	for _, n := range h.Nodes {
		answering = answering || last[n] == "ok"
	}
	limit := r.cfg.Loaded.Gameday.Silence.D()
	rail := Rail{Name: "silence", Saw: "nodes answer"}
	switch {
	case answering:
		r.mute = -1
		return rail
	case r.mute < 0:
		r.mute = now
	}
	lasted := now - r.mute
	rail.Saw = fmt.Sprintf("no node has answered for %s", lasted.Round(time.Second))
	rail.Used, rail.Touched = float64(lasted)/float64(limit), lasted >= limit
	return rail
}

func (r *rails) probe(ctx context.Context, p scenarios.GamedayProbe, now time.Duration) Rail {
	rail := Rail{Name: "probe " + p.Name, Saw: "well"}
	err := r.cfg.Probe(ctx, p)
	since, was := r.failing[p.Name]
	switch {
	case err == nil:
		delete(r.failing, p.Name)
		return rail
	case !was:
		since = now
		r.failing[p.Name] = now
	}
	lasted := now - since
	rail.Saw = fmt.Sprintf("%v, for %s", err, lasted.Round(time.Second))
	rail.Touched, rail.Used = lasted >= p.For.D(), 1
	if p.For > 0 {
		rail.Used = float64(lasted) / float64(p.For.D())
	}
	return rail
}

// show tells how things are.
func (c *Course) show(r *scenarios.Run, rails []Rail) {
	h := r.Glimpse()
	now := r.Since()
	s := Sight{At: now, Rails: rails, History: h, Expect: r.Scenario().JudgeNow(h)}
	c.mu.Lock()
	s.Plan = c.planAt(now)
	for i, step := range c.cfg.Loaded.Gameday.Steps {
		state := StepState{step.Name, "ahead"}
		switch {
		case i < c.next:
			state.State = "begun"
		case i == c.waiting && c.standing:
			state.State, s.Standing = "waiting", "step "+step.Name+" waits for approval"
		}
		s.Steps = append(s.Steps, state)
	}
	if c.paused {
		s.Standing = "paused"
	}
	c.mu.Unlock()
	s.Values = values(h, now, s.Plan, c.prediction)
	c.cfg.Show(s)
}

// values are the figures beside their bands.
func values(h *observed.History, now, plan time.Duration, p *Prediction) (out []Value) {
	none := scenarios.GamedayDeparture{}
	for _, f := range Figures() {
		b := p.band(f.Name)
		if b == nil {
			continue
		}
		v := Value{Figure: f.Name}
		v.Lo, v.Hi = b.at(plan)
		if x, ok := f.track(h).at(now); ok {
			x = round(x)
			m := margin(f, &none, v.Lo, v.Hi)
			v.Seen, v.Out = &x, x > v.Hi+m || x < v.Lo-m
		}
		out = append(out, v)
	}
	return out
}
