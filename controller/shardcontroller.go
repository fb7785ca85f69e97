package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// ShardController observes the distribution of shards, lets its policy decide, and
// does what was decided: one round per interval, one audit record per round.
type ShardController struct {
	clock    clock.Clock
	client   *Client
	shadow   []policy.Policy // asked, never followed
	ledger   *ledger
	observer *observer
	work     *workWatch
	journal  *journal
	log      logger
	group    clock.Group // of the controller's processes

	progressInterval time.Duration
	progressLimit    time.Duration
	verifyAfter      time.Duration
	paceTuned        bool // a part sets the pace of recoveries

	mu       sync.Mutex
	policy   policy.Policy
	interval time.Duration
	home     context.Context // of the loop; nil while it isn't running
	// unhelpful is when new weights were last found not to help.
	unhelpful      time.Duration
	unhelpfulKnown bool
	following      int  // decision whose recoveries are being followed; 0 none
	sees           bool // the last round could observe
}

// run goes round until ctx ends.
func (s *ShardController) run(ctx context.Context) {
	s.setHome(ctx)
	defer s.leaveHome()
	every(ctx, s.clock, s.roundInterval, s.manageShards)
}

func (s *ShardController) setHome(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.home = ctx
}

func (s *ShardController) roundInterval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interval
}

// inForce is the policy that decides.
func (s *ShardController) inForce() policy.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy
}

func (s *ShardController) leaveHome() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.home = nil
}

// running is the context of the loop, nil while it isn't running. What goes on after
// an order has been answered lives in it.
func (s *ShardController) running() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.home
}

// manageShards is one round: observe, decide, act, record.
func (s *ShardController) manageShards(ctx context.Context) {
	p := s.inForce()
	obs, err := s.observer.observe(ctx, s.needs(p))
	if ctx.Err() != nil {
		return
	}
	s.setSees(err == nil)
	d := s.journal.begin(actorShards, p.Name())
	if err != nil {
		s.log.errorf(ctx, "Error getting cluster stats: %v", err)
		d.Reason = fmt.Sprintf("the cluster could not be observed: %v", err)
		s.journal.record(d)
		return
	}
	s.askShadows(obs)
	v := p.Decide(obs)
	d.Observed, d.Reason = v.Numbers, v.Reason
	d.Decided = append(d.Decided, v.Actions...)
	if !v.Acts() {
		s.journal.record(d)
		s.lookForWork(ctx, p)
		return
	}
	held := s.hold(ctx)
	if held != nil {
		d.Done = append(d.Done, *held)
		s.journal.record(d)
	} else {
		d = s.carryOut(ctx, d, obs, v, applyMode{insist: v.Insist})
	}
	if told, ok := p.(policy.Told); ok && (held != nil || d.failed()) {
		told.Failed()
	}
}

// lookForWork keeps in mind what people have changed, for the round in which the policy
// wants to act. One that never acts needs no such look.
func (s *ShardController) lookForWork(ctx context.Context, p policy.Policy) {
	if p.Name() == string(policy.None) {
		return
	}
	if _, err := s.work.look(ctx); err != nil && ctx.Err() == nil {
		s.log.warnf(ctx, "Whether somebody is at work could not be seen: %v", err)
	}
}

// hold looks for people at work, whom a policy's moves would be in the way of: with
// copies on the move a node that is restarted comes back later, or to copies elsewhere.
// What is held back is returned as the step that was not taken.
func (s *ShardController) hold(ctx context.Context) *Step {
	w, err := s.work.look(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return &Step{What: "held", Error: fmt.Sprintf("whether somebody is at work could not be seen: %v", err)}
	case w.String() == "":
		return nil
	}
	s.log.infof(ctx, "[REBALANCE] Held back: somebody is at work: %s", w)
	return &Step{What: "held back: somebody is at work: " + w.String()}
}

// needs is what a policy and the shadows want to see.
func (s *ShardController) needs(p policy.Policy) policy.Needs {
	n := p.Needs()
	for _, p := range s.shadow {
		m := p.Needs()
		n.Load, n.Disk, n.Bytes = n.Load || m.Load, n.Disk || m.Disk, n.Bytes || m.Bytes
	}
	return n
}

// askShadows records what each shadow policy would do.
func (s *ShardController) askShadows(obs policy.Observation) {
	for _, p := range s.shadow {
		d := s.journal.begin(actorShadow, p.Name())
		v := p.Decide(obs)
		d.Observed, d.Reason = v.Numbers, v.Reason
		d.Decided = append(d.Decided, v.Actions...)
		s.journal.record(d)
	}
}

// carryOut does what a verdict says, records it and follows the recoveries that
// result.
func (s *ShardController) carryOut(ctx context.Context, d Decision, obs policy.Observation, v policy.Verdict, mode applyMode) Decision {
	for _, a := range v.Actions {
		d.Done = append(d.Done, s.do(ctx, a, v, mode)...)
	}
	if ctx.Err() != nil && !d.Acted() {
		return d // broken off before anything was done
	}
	s.journal.record(d)
	if d.Acted() {
		s.follow(d, obs)
	}
	return d
}

// do does one action of a verdict.
func (s *ShardController) do(ctx context.Context, a policy.Action, v policy.Verdict, mode applyMode) []Step {
	var step Step
	var err error
	switch a {
	case policy.Rebalance:
		step, err = s.rebalanceShards(ctx, mode)
	case policy.Optimize:
		if ago, barred := s.barred(); barred && !mode.override {
			return []Step{{What: fmt.Sprintf("optimize: not tried, it did not help %v ago", ago)}}
		}
		step, err = s.optimizeShardAllocation(ctx, mode)
	case policy.Move:
		return s.moveShards(ctx, v.Moves)
	case policy.Hold:
		step, err = s.ledger.apply(ctx, "hold rebalancing", holdSettings(), mode)
		s.reportContested(ctx, step)
	case policy.Release:
		step, err = s.ledger.restoreSome(ctx, oneOf(holdSettings()))
		s.reportContested(ctx, step)
	default:
		err = fmt.Errorf("unknown action %q", a)
	}
	if err != nil {
		step.What, step.Error = string(a), err.Error()
	}
	return []Step{step}
}

// rebalanceShards lets Elasticsearch rebalance, with limits on recovery.
func (s *ShardController) rebalanceShards(ctx context.Context, mode applyMode) (Step, error) {
	s.log.infof(ctx, "Triggering shard rebalancing...")
	step, err := s.ledger.apply(ctx, "rebalance", rebalanceSettings(s.paceTuned), mode)
	if err != nil {
		s.log.errorf(ctx, "Error triggering rebalance: %v", err)
		return step, err
	}
	s.reportContested(ctx, step)
	if step.Calls == 0 {
		s.log.infof(ctx, "Shard rebalancing is in force already")
		return step, nil
	}
	s.log.infof(ctx, "Shard rebalancing triggered successfully")
	return step, nil
}

// optimizeShardAllocation sets the weights of Elasticsearch's balancer.
func (s *ShardController) optimizeShardAllocation(ctx context.Context, mode applyMode) (Step, error) {
	s.log.infof(ctx, "Optimizing shard allocation...")
	step, err := s.ledger.apply(ctx, "optimize", optimizeSettings(), mode)
	if err != nil {
		s.log.errorf(ctx, "Error optimizing shard allocation: %v", err)
		return step, err
	}
	s.reportContested(ctx, step)
	if step.Calls == 0 {
		s.log.infof(ctx, "Shard allocation weights are in force already")
		return step, nil
	}
	s.log.infof(ctx, "Shard allocation optimized successfully")
	return step, nil
}

func (s *ShardController) reportContested(ctx context.Context, step Step) {
	for _, c := range step.Contested {
		s.log.warnf(ctx, "Setting %s is left at %q: somebody else changed it from %q", c.Key, c.From, c.Ours)
	}
}

// follow starts a process that watches the recoveries after an action. One is
// enough: recoveries can't be told apart by the decision that caused them.
func (s *ShardController) follow(d Decision, obs policy.Observation) {
	s.mu.Lock()
	home, busy := s.home, s.following != 0
	if home != nil && !busy {
		s.following = d.Seq
	}
	s.mu.Unlock()
	if home == nil || busy {
		return
	}
	s.group.Go(home, "rebalance-progress", func(ctx context.Context) {
		s.monitorRebalanceProgress(ctx, d, obs)
		s.mu.Lock()
		s.following = 0
		s.mu.Unlock()
	})
}

func (s *ShardController) setSees(sees bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sees = sees
}

// observed reports whether the last round could see the cluster.
func (s *ShardController) observed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sees
}
