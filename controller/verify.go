package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
)

// verify judges, some time after the last recovery, whether new weights of the
// balancer helped: fewer hot shards and nodes than before, or a more even spread. When
// they did not, and no person had ordered them, they are put back.
func (s *ShardController) verify(ctx context.Context, d *Decision, e *Effect, before policy.Observation) {
	if s.verifyAfter < 0 || !changedWeights(*d) {
		return
	}
	if s.clock.Sleep(ctx, s.verifyAfter) != nil {
		return
	}
	now, err := s.observer.observe(ctx, policy.Needs{Load: true})
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.Note += fmt.Sprintf("; whether the weights helped is not known: %v", err)
		return
	}
	hotBefore, hotNow := hotCount(before), hotCount(now)
	cvBefore, cvNow := policy.SpreadOf(before).CV, policy.SpreadOf(now).CV
	helped := hotNow < hotBefore || cvNow < cvBefore
	e.Helped = &helped
	e.Note += fmt.Sprintf("; %d hot before and %d now", hotBefore, hotNow)
	if helped || d.Actor == actorOperator {
		return
	}
	s.bar()
	step, err := s.ledger.restoreSome(ctx, oneOf(optimizeSettings()))
	if err != nil {
		step.Error = err.Error()
	}
	e.Undone = &step
	s.log.warnf(ctx, "New weights did not help (%d hot before, %d now; coefficient of variation %.3f before, %.3f now) and are put back", hotBefore, hotNow, cvBefore, cvNow)
}

// barFor is how long weights that did not help aren't tried again.
const barFor = time.Hour

// bar notes that new weights did not help.
func (s *ShardController) bar() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unhelpful, s.unhelpfulKnown = s.clock.Monotonic(), true
}

// barred reports whether new weights have lately been found not to help, and how long
// ago.
func (s *ShardController) barred() (ago time.Duration, barred bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ago = s.clock.Monotonic() - s.unhelpful
	return ago, s.unhelpfulKnown && ago < barFor
}

// changedWeights reports whether a decision has changed weights of the balancer.
func changedWeights(d Decision) bool {
	weights := optimizeSettings()
	return slices.ContainsFunc(d.Done, func(s Step) bool {
		return slices.ContainsFunc(s.Changes, func(c SettingChange) bool {
			return slices.ContainsFunc(weights, func(w Setting) bool { return w.Key == c.Key })
		})
	})
}

func hotCount(o policy.Observation) int {
	hot := policy.FindHot(o, policy.HotLimits{})
	return len(hot.Shards) + len(hot.Nodes)
}
