package explore

import (
	"context"
	"errors"

	"github.com/shardquake/shardquake/scenarios"
)

// What a confirmation comes to.
const (
	Agreed     = "agreed"
	DidNotFail = "did not fail there"
	NotKnown   = "unknown"
)

// Confirmed is what became of a find on another backend than the simulator.
type Confirmed struct {
	Backend string `json:"backend"`
	// Came is [Agreed], [DidNotFail] or [NotKnown].
	Came string `json:"came"`
	// Why is what was seen there, or why nothing could be.
	Why string `json:"why"`
}

// Confirmation tries what was found on another backend.
type Confirmation struct {
	Backend scenarios.Backend
	// Play runs a scenario there.
	Play func(ctx context.Context, s *scenarios.Loaded) (*scenarios.Result, error)
}

// confirmable is the error of a backend that lacks what plans may do.
func (c *Confirmation) confirmable(ctx context.Context, l *scenarios.Loaded) error {
	scaled, _ := l.Scaled(scenarios.AsReal)
	return scaled.EachSupported(ctx, c.Backend)
}

// confirm tries each find on the other backend, one after the other.
func (s *search) confirm() error {
	if s.cfg.Confirm == nil {
		return nil
	}
	for _, f := range s.result.Found {
		if s.ctx.Err() != nil {
			return nil
		}
		if f.Crash {
			continue // there is nothing to agree with
		}
		alone, err := s.alone(f)
		if err != nil {
			return err
		}
		s.doing("trying %s on %s nodes", f.Name, s.cfg.Confirm.Backend.Name())
		res, err := s.cfg.Confirm.Play(s.ctx, alone)
		f.Confirmed = confirmed(s.cfg.Confirm.Backend.Name(), f.claim, res, err)
	}
	return nil
}

// confirmed judges a run by the claim that broke on the simulator. The other claims are left
// out of account: a machine that is slow for another reason says nothing of this one.
func confirmed(backend string, claim int, res *scenarios.Result, err error) *Confirmed {
	if err == nil && res.Aborted != nil {
		err = res.Aborted
	}
	if err == nil && len(res.Outcomes) == 0 {
		err = errors.New("nothing was judged")
	}
	if err != nil {
		return &Confirmed{backend, NotKnown, err.Error()}
	}
	out := &Confirmed{backend, NotKnown, "the claim was not judged"}
	unclear := false
	for _, o := range res.Outcomes {
		mine, why := o.Line == claim+1, o.Name+": "+o.Reason
		switch {
		case mine && o.Verdict == scenarios.Fail:
			return &Confirmed{backend, Agreed, why}
		case o.Verdict == scenarios.Unknown && (mine || o.Line == 0): // of no line: a fault that was not shown to be in force
			out.Came, out.Why = NotKnown, why
			unclear = true
		case mine && !unclear:
			out.Came, out.Why = DidNotFail, why
		}
	}
	return out
}
