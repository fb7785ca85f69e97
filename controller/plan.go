package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
)

// Plan is what the controller would do now.
type Plan struct {
	Policy   string          `json:"policy"`
	Decided  []policy.Action `json:"decided"`
	Reason   string          `json:"reason"`
	Observed policy.Numbers  `json:"observed"`
	// Settings that would be changed; those that somebody else has changed since the
	// controller did would be left alone and are not among them.
	Settings []SettingChange `json:"settings"`
	// Moves are those that the policy asks for, or an estimate of what rebalancing would
	// come to.
	Moves     []PlannedMove `json:"moves"`
	Estimated bool          `json:"estimated"`
	Bytes     int64         `json:"bytes"`
	// Time is an estimate by the limits that will be in force; -1: there are none.
	Time   time.Duration  `json:"time_ns"`
	Before policy.Numbers `json:"before"`
	After  policy.Numbers `json:"after"`
}

// PlannedMove is a move and what the cluster's deciders think of it now.
type PlannedMove struct {
	policy.ShardMove
	Refused string `json:"refused,omitempty"`
}

// planWindow is the time over which rates are measured for a plan.
const planWindow = 10 * time.Second

// Plan asks the policy what it would do, and changes nothing. A policy that weighs
// load needs some seconds, for rates are measured over time. The policy is a new one,
// without the memory of the one that is running.
func (c *Controller) Plan(ctx context.Context) (Plan, error) {
	p, err := policy.New(c.PolicyName())
	if err != nil {
		return Plan{}, err
	}
	meter := newLoadMeter(c.cfg.Client, c.cfg.Clock)
	if _, err := meter.get(ctx, 0); err != nil {
		return Plan{}, err
	}
	if p.Needs().Load {
		if err := c.cfg.Clock.Sleep(ctx, planWindow); err != nil {
			return Plan{}, err
		}
	}
	o := observer{client: c.cfg.Client, clock: c.cfg.Clock, allocation: newAllocationCache(c.cfg.Client, c.cfg.Clock), load: meter, log: c.log, distance: c.cfg.Distance, offPeak: c.cfg.OffPeak}
	needs := p.Needs()
	needs.Bytes = true
	obs, err := o.observe(ctx, needs)
	if err != nil {
		return Plan{}, err
	}
	v := p.Decide(obs)
	plan := Plan{
		Policy: p.Name(), Decided: append([]policy.Action{}, v.Actions...), Reason: v.Reason, Observed: v.Numbers,
		Settings: []SettingChange{}, Moves: []PlannedMove{}, Before: policy.SpreadOf(obs).Numbers(),
	}
	settings, err := c.cfg.Client.GetClusterSettings(ctx)
	if err != nil {
		return Plan{}, err
	}
	if err := c.planSettings(ctx, &plan, settings); err != nil {
		return Plan{}, err
	}
	moves := v.Moves
	if slices.Contains(v.Actions, policy.Rebalance) {
		moves, plan.Estimated = policy.EvenOut(obs), true
	}
	if err := c.planMoves(ctx, &plan, moves); err != nil {
		return Plan{}, err
	}
	plan.Time = paceOf(settings, plan.Settings).time(moves, plan.Estimated)
	plan.After = policy.SpreadOf(obs.After(moves)).Numbers()
	return plan, nil
}

// planSettings finds the settings that would change.
func (c *Controller) planSettings(ctx context.Context, plan *Plan, now SettingsInForce) error {
	var want []Setting
	for _, a := range plan.Decided {
		switch a {
		case policy.Rebalance:
			want = append(want, rebalanceSettings(c.cfg.PaceTuned)...)
		case policy.Optimize:
			want = append(want, optimizeSettings()...)
		case policy.Hold:
			want = append(want, holdSettings()...)
		}
	}
	if err := c.ledger.lock.Lock(ctx); err != nil {
		return err
	}
	defer c.ledger.lock.Unlock()
	for _, s := range want {
		if _, contested := c.ledger.contested(now, s.Key); contested {
			continue
		}
		if is := now.Effective(s.Key); is != s.Value {
			plan.Settings = append(plan.Settings, SettingChange{Key: s.Key, From: is, To: s.Value})
		}
	}
	return nil
}

// planMoves adds the moves, each tried on the cluster as it is now.
func (c *Controller) planMoves(ctx context.Context, plan *Plan, moves []policy.ShardMove) error {
	const tried = 50 // an estimate of a thousand moves needs no opinion on each
	for i, m := range moves {
		planned := PlannedMove{ShardMove: m}
		if i < tried {
			command := RerouteCommand{Move: &MoveCommand{Index: m.Index, Shard: m.Shard, From: m.From, To: m.To}}
			answer, err := c.cfg.Client.Reroute(ctx, []RerouteCommand{command}, RerouteOptions{DryRun: true})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				planned.Refused = err.Error()
			}
			for _, e := range answer.Explanations {
				planned.Refused += e.Refusal()
			}
		}
		plan.Moves = append(plan.Moves, planned)
		plan.Bytes += m.Bytes
	}
	return nil
}

// Text is the plan for people.
func (p Plan) Text() string {
	var b strings.Builder
	decided := "nothing"
	if len(p.Decided) > 0 {
		var parts []string
		for _, a := range p.Decided {
			parts = append(parts, string(a))
		}
		decided = strings.Join(parts, ", ")
	}
	fmt.Fprintf(&b, "[PLAN] policy %s would do: %s\n[PLAN] because: %s\n", p.Policy, decided, p.Reason)
	for _, s := range p.Settings {
		fmt.Fprintf(&b, "[PLAN] setting %s: %q -> %q\n", s.Key, s.From, s.To)
	}
	if len(p.Settings) == 0 && slices.ContainsFunc(p.Decided, func(a policy.Action) bool { return a != policy.Move }) {
		b.WriteString("[PLAN] settings: none would change; they are in force already, or somebody else's\n")
	}
	if len(p.Moves) > 0 {
		kind := "moves"
		if p.Estimated {
			kind = "moves, about (Elasticsearch chooses them)"
		}
		took := "about " + p.Time.String()
		if p.Time < 0 {
			took = "time not known, for recoveries have no limit"
		}
		fmt.Fprintf(&b, "[PLAN] %s: %d, %s, %s\n", kind, len(p.Moves), formatBytes(p.Bytes), took)
		for _, m := range p.Moves {
			fmt.Fprintf(&b, "[PLAN]   %s[%d] (%s): %s -> %s", m.Index, m.Shard, formatBytes(m.Bytes), m.From, m.To)
			if m.Refused != "" {
				fmt.Fprintf(&b, "; refused now: %s", m.Refused)
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "[PLAN] shards per node before: %s\n[PLAN] shards per node after:  %s\n", p.Before, p.After)
	return b.String()
}
