package gameday

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

const (
	// look is how often the guardrails are judged, and pace how often the plan is let on.
	look = time.Second
	pace = 100 * time.Millisecond
	// patience is how long a step waits for its approval.
	patience = time.Hour
)

// ErrHalted says that a game day was ended before its time; everything was undone first.
var ErrHalted = errors.New("halted")

// Moment is a line of the course's log.
type Moment struct {
	// At is since t=0; Plan is the time of the plan, which stands while a step waits.
	At   units.Duration `json:"at"`
	Plan units.Duration `json:"plan"`
	// Kind is step, wait, approved, pause, resume, note, guardrail, halt or undone.
	Kind string `json:"kind"`
	Who  string `json:"who,omitempty"`
	Text string `json:"text"`
}

// The stages of a game day.
const (
	Predicting = "predicting"
	Asking     = "waiting for approval"
	Starting   = "starting"
	Going      = "going on"
	Settling   = "waiting for the steady state"
)

// Halt is why and how a game day was ended.
type Halt struct {
	Reason string         `json:"reason"`
	Who    string         `json:"who"`
	At     units.Duration `json:"at"`
	// During is the stage in which it was.
	During string `json:"during"`
	// Undone is how long it took until everything was undone; Error is what could not be.
	Undone units.Duration `json:"undone_after"`
	Error  string         `json:"error,omitempty"`
}

// Config is what a course needs.
type Config struct {
	Loaded *scenarios.Loaded
	// Yes lets every step begin without approval.
	Yes bool
	// Stop ends the run, with the reason.
	Stop context.CancelCauseFunc
	// Enter has something done as a process of the run's clock, and waits for its end.
	Enter func(ctx context.Context, name string, f func(ctx context.Context)) error
	// Now is a steady clock of the machine's.
	Now func() time.Duration
	// Probe makes one look of the user's own.
	Probe func(ctx context.Context, p scenarios.GamedayProbe) error
	// Tell is told every moment; Show every second how things are.
	Tell func(Moment)
	Show func(Sight)
}

// Course goes with a game day: before it begins it can only be halted, then it is the gate of
// its run, and watches it.
type Course struct {
	cfg        Config
	prediction *Prediction
	rails      *rails

	mu    sync.Mutex
	stage string
	over  bool // nothing is left to halt
	// While the plan goes on, its time is base and what has passed since; while it stands,
	// base.
	base, since time.Duration
	standing    bool
	paused      bool
	waiting     int // the step that waits for its approval; -1: none
	stoodSince  time.Duration
	next        int // the first step that has not begun
	run         *scenarios.Run
	halt        *Halt
	moments     []Moment
}

// New makes a course.
func New(cfg Config) *Course { return &Course{cfg: cfg, waiting: -1, stage: Predicting} }

// Follow says what is run, and what was predicted of it. It comes before the run.
func (c *Course) Follow(l *scenarios.Loaded, p *Prediction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg.Loaded, c.prediction = l, p
	c.rails = newRails(c.cfg, p)
}

// Enter says which stage begins.
func (c *Course) Enter(stage string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage = stage
}

// Over says that the run has ended: there is nothing to halt any more.
func (c *Course) Over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

var _ scenarios.Gate = (*Course)(nil)

// Await implements [scenarios.Gate].
func (c *Course) Await(ctx context.Context, r *scenarios.Run, at time.Duration) error {
	for {
		now := r.Since()
		c.advance(now)
		left, open := c.until(now, at)
		if open && left <= 0 {
			return ctx.Err()
		}
		if !open || left > pace {
			left = pace
		}
		if err := r.Clock().Sleep(ctx, left); err != nil {
			return err
		}
	}
}

// until is how long the plan still needs to a time, and whether it goes on at all.
func (c *Course) until(now, at time.Duration) (left time.Duration, open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return at - c.planAt(now), !c.standing && c.halt == nil
}

// planAt is the time of the plan. c.mu is held.
func (c *Course) planAt(now time.Duration) time.Duration {
	if c.standing {
		return c.base
	}
	return c.base + now - c.since
}

// advance begins the steps whose time has come, up to one that waits.
func (c *Course) advance(now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps := c.cfg.Loaded.Gameday.Steps
	for !c.standing && c.next < len(steps) && c.planAt(now) >= steps[c.next].At.D() {
		step := steps[c.next]
		if step.Wait == scenarios.WaitApproval && !c.cfg.Yes && c.waiting != c.next {
			c.waiting = c.next
			c.stand(now, step.At.D())
			c.say(now, "wait", "", "step "+step.Name+" waits for approval")
			return
		}
		c.say(now, "step", "", step.Name)
		c.next++
		c.waiting = -1
	}
}

// stand has the plan stand at a time of its own. c.mu is held.
func (c *Course) stand(now, plan time.Duration) {
	c.base, c.standing, c.stoodSince = plan, true, now
}

// proceed lets it go on. c.mu is held.
func (c *Course) proceed(now time.Duration) { c.since, c.standing = now, false }

// say notes a moment. c.mu is held.
func (c *Course) say(now time.Duration, kind, who, text string) {
	m := Moment{units.Duration(now.Round(time.Millisecond)), units.Duration(c.planAt(now).Round(time.Millisecond)), kind, who, text}
	c.moments = append(c.moments, m)
	c.cfg.Tell(m)
}

// errNothing says that an order has nothing to act on.
var errNothing = errors.New("there is nothing to do")

// Next lets the step begin that waits.
func (c *Course) Next(who string) error {
	return c.order(func(now time.Duration) error {
		if c.waiting < 0 {
			return fmt.Errorf("%w: no step waits", errNothing)
		}
		c.say(now, "approved", who, "step "+c.cfg.Loaded.Gameday.Steps[c.waiting].Name)
		if !c.paused {
			c.proceed(now)
		}
		return nil
	})
}

// Pause has the plan stand: nothing strikes; what is in force heals at its time.
func (c *Course) Pause(who string) error {
	return c.order(func(now time.Duration) error {
		if c.paused {
			return fmt.Errorf("%w: the plan stands already", errNothing)
		}
		c.paused = true
		if !c.standing {
			c.stand(now, c.planAt(now))
		}
		c.say(now, "pause", who, "the plan stands")
		return nil
	})
}

// Resume lets it go on, unless a step waits.
func (c *Course) Resume(who string) error {
	return c.order(func(now time.Duration) error {
		if !c.paused {
			return fmt.Errorf("%w: the plan isn't paused", errNothing)
		}
		c.paused = false
		if c.waiting < 0 || c.approvedWaiting() {
			c.proceed(now)
		}
		c.say(now, "resume", who, "the plan goes on")
		return nil
	})
}

// approvedWaiting is whether the step that waited has been approved while the plan was
// paused. c.mu is held.
func (c *Course) approvedWaiting() bool {
	n := len(c.moments)
	for i := n - 1; i >= 0; i-- {
		switch c.moments[i].Kind {
		case "approved":
			return true
		case "wait":
			return false
		}
	}
	return false
}

// Note writes down what somebody has seen.
func (c *Course) Note(who, text string) error {
	return c.order(func(now time.Duration) error {
		c.say(now, "note", who, text)
		return nil
	})
}

// errNotBegun says that the run has not come to t=0.
var errNotBegun = errors.New("the game day hasn't begun: its cluster is being made")

func (c *Course) order(do func(now time.Duration) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.run == nil:
		return errNotBegun
	case c.halt != nil:
		return fmt.Errorf("the game day was halted: %s", c.halt.Reason)
	}
	return do(c.run.Since())
}

// Halt undoes everything at once and ends the run. Called again it does nothing. It may be
// called from anywhere but a process of the run's clock.
func (c *Course) Halt(ctx context.Context, who, reason string) {
	c.mu.Lock()
	run, over := c.run, c.over
	c.mu.Unlock()
	if over {
		return
	}
	if run == nil { // nothing has been done yet
		c.mark(0, who, reason)
		c.cfg.Stop(fmt.Errorf("%w by %s: %s", ErrHalted, who, reason))
		return
	}
	err := c.cfg.Enter(ctx, "halt", func(ctx context.Context) { c.haltInside(ctx, who, reason) })
	if err != nil { // the run has ended by itself
		c.cfg.Stop(fmt.Errorf("%w by %s: %s", ErrHalted, who, reason))
	}
}

// mark notes the first halt; false for every other.
func (c *Course) mark(now time.Duration, who, reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.halt != nil {
		return false
	}
	if c.run != nil && planOver(c.run) {
		c.stage = Settling
	}
	c.halt = &Halt{Reason: reason, Who: who, At: units.Duration(now.Round(time.Millisecond)), During: c.stage}
	c.say(now, "halt", who, reason)
	return true
}

// haltInside is Halt in a process of the run's clock.
func (c *Course) haltInside(ctx context.Context, who, reason string) {
	if !c.mark(c.run.Since(), who, reason) {
		return
	}
	began := c.cfg.Now()
	limited, cancel := c.run.Clock().WithTimeout(c.run.Clock().WithoutCancel(ctx), time.Minute)
	err := c.run.Undo(limited)
	cancel()
	c.mu.Lock()
	c.halt.Undone = units.Duration((c.cfg.Now() - began).Round(time.Millisecond))
	text := "everything in force, after " + c.halt.Undone.String()
	if err != nil {
		c.halt.Error = err.Error()
		text = "not everything: " + err.Error()
	}
	c.say(c.run.Since(), "undone", "", text)
	c.mu.Unlock()
	c.cfg.Stop(fmt.Errorf("%w by %s: %s", ErrHalted, who, reason))
}

// Halted is why the game day was ended; nil: it was not.
func (c *Course) Halted() *Halt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.halt == nil {
		return nil
	}
	h := *c.halt
	return &h
}

// Moments are the course's log.
func (c *Course) Moments() []Moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Moment(nil), c.moments...)
}

// Watch judges every second of the run's clock, from t=0 until the run is stopped, while the
// steady state is waited for, too. It is a process of that clock.
func (c *Course) Watch(ctx context.Context, r *scenarios.Run) {
	c.mu.Lock()
	c.run, c.stage = r, Going
	c.mu.Unlock()
	for r.Clock().Sleep(ctx, look) == nil {
		now := r.Since()
		over := planOver(r)
		if over {
			c.Enter(Settling)
		} else {
			c.advance(now)
		}
		if c.impatient(now) {
			c.haltInside(ctx, "the clock", fmt.Sprintf("nobody let the step begin for %s", patience))
			return
		}
		h := r.Glimpse()
		states := c.rails.judge(ctx, h, now, c.plan(now), over)
		c.show(r, states)
		for _, s := range states {
			if s.Touched {
				c.mu.Lock()
				c.say(now, "guardrail", "", s.Name+": "+s.Saw)
				c.mu.Unlock()
				c.haltInside(ctx, "guardrail", s.Name+": "+s.Saw)
				return
			}
		}
	}
}

// planOver is whether the plan of a run has come to its end, and the load with it.
func planOver(r *scenarios.Run) bool {
	now, ended := r.Now()
	return ended && now.D() > look
}

func (c *Course) plan(now time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planAt(now)
}

func (c *Course) impatient(now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing && now-c.stoodSince > patience
}
