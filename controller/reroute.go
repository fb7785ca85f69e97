package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/controller/policy"
)

// RerouteCommand is one command of POST /_cluster/reroute; exactly one field is set.
type RerouteCommand struct {
	Move            *MoveCommand     `json:"move,omitempty"`
	Cancel          *CancelCommand   `json:"cancel,omitempty"`
	AllocateReplica *AllocateCommand `json:"allocate_replica,omitempty"`
	AllocateStale   *AllocateCommand `json:"allocate_stale_primary,omitempty"`
	AllocateEmpty   *AllocateCommand `json:"allocate_empty_primary,omitempty"`
}

// MoveCommand moves a started copy to another node.
type MoveCommand struct {
	Index string `json:"index"`
	Shard int    `json:"shard"`
	From  string `json:"from_node"`
	To    string `json:"to_node"`
}

// CancelCommand breaks a recovery off.
type CancelCommand struct {
	Index        string `json:"index"`
	Shard        int    `json:"shard"`
	Node         string `json:"node"`
	AllowPrimary bool   `json:"allow_primary"`
}

// AllocateCommand puts a copy on a node. The two commands for primaries lose data
// and are refused without AcceptDataLoss.
type AllocateCommand struct {
	Index          string `json:"index"`
	Shard          int    `json:"shard"`
	Node           string `json:"node"`
	AcceptDataLoss bool   `json:"accept_data_loss,omitempty"`
}

// RerouteOptions say how commands are carried out.
type RerouteOptions struct {
	DryRun      bool // only say what would happen
	RetryFailed bool // give copies that failed too often another try
}

// RerouteAnswer says what the deciders think of each command.
type RerouteAnswer struct {
	Acknowledged bool                 `json:"acknowledged"`
	Explanations []RerouteExplanation `json:"explanations"`
}

// RerouteExplanation is the verdict on one command.
type RerouteExplanation struct {
	Command   string `json:"command"`
	Decisions []struct {
		Decider     string `json:"decider"`
		Decision    string `json:"decision"` // YES, NO, THROTTLE
		Explanation string `json:"explanation"`
	} `json:"decisions"`
}

// Refusal names the deciders that say no, "" when none does.
func (e RerouteExplanation) Refusal() string {
	var out []string
	for _, d := range e.Decisions {
		if strings.EqualFold(d.Decision, "no") {
			out = append(out, d.Decider+": "+d.Explanation)
		}
	}
	return strings.Join(out, "; ")
}

// Reroute carries out commands, or tries them. It is not repeated when its outcome is
// unknown, except as a dry run: whoever gave the command looks first.
func (c *Client) Reroute(ctx context.Context, commands []RerouteCommand, opt RerouteOptions) (RerouteAnswer, error) {
	var answer RerouteAnswer
	if commands == nil {
		commands = []RerouteCommand{}
	}
	request, err := json.Marshal(map[string]any{"commands": commands})
	if err != nil {
		return answer, fmt.Errorf("reroute: %w", err)
	}
	again := repeat(opt.DryRun || len(commands) == 0)
	r := post("_cluster", "reroute").with("explain", "true", "metric", "none").json(request)
	if opt.DryRun {
		r = r.with("dry_run", "true")
	}
	if opt.RetryFailed {
		r = r.with("retry_failed", "true")
	}
	body, err := c.call(ctx, "cluster.reroute", again, r)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("reroute: %w", err)
	}
	return answer, nil
}

// moveShards carries out moves one by one, each tried first, so that one that is
// refused doesn't keep the others back.
func (s *ShardController) moveShards(ctx context.Context, moves []policy.ShardMove) []Step {
	steps := make([]Step, 0, len(moves))
	for _, m := range moves {
		step := Step{What: fmt.Sprintf("move %s[%d] (%s) from %s to %s", m.Index, m.Shard, formatBytes(m.Bytes), m.From, m.To)}
		again, err := s.moveShard(ctx, m)
		step.What += again
		if err != nil {
			step.Error = err.Error()
			s.log.errorf(ctx, "Shard %s[%d] not moved from %s to %s: %v", m.Index, m.Shard, m.From, m.To, err)
		} else {
			step.Calls = 1
			s.log.infof(ctx, "Moving shard %s[%d] from %s to %s", m.Index, m.Shard, m.From, m.To)
		}
		steps = append(steps, step)
	}
	return steps
}

// moveShard tries a move and then does it. When it can't be told whether it was done, it
// looks where the shard is, and repeats the command only when it is where it was; note
// says so.
func (s *ShardController) moveShard(ctx context.Context, m policy.ShardMove) (note string, err error) {
	if err := s.reroute(ctx, m, true); err != nil {
		return "", err
	}
	for look := 0; ; look++ {
		err := s.reroute(ctx, m, false)
		if !outcomeUnknown(err) || ctx.Err() != nil || look == mostLooks {
			return note, err
		}
		s.log.warnf(ctx, "Whether shard %s[%d] was moved is not known, looking: %v", m.Index, m.Shard, err)
		where, lookErr := s.whereIs(ctx, m)
		switch {
		case lookErr != nil:
			return note, fmt.Errorf("%w; whether it was done could not be seen: %w", err, lookErr)
		case where == m.To:
			return note + "; without an answer, but a look showed it done", nil
		case where != m.From:
			return note, fmt.Errorf("%w; and the copy is not on %s any more", err, m.From)
		}
		note += "; without an answer, and again after a look showed it not done"
	}
}

// reroute tries a move or does it.
func (s *ShardController) reroute(ctx context.Context, m policy.ShardMove, dry bool) error {
	command := []RerouteCommand{{Move: &MoveCommand{Index: m.Index, Shard: m.Shard, From: m.From, To: m.To}}}
	answer, err := s.client.Reroute(ctx, command, RerouteOptions{DryRun: dry})
	if err != nil {
		return err
	}
	for _, e := range answer.Explanations {
		if why := e.Refusal(); why != "" {
			return fmt.Errorf("the cluster's deciders refuse it: %s", why)
		}
	}
	return nil
}

// whereIs finds the copy that is to be moved: its new node when it is there or on its way
// there, else its old one, "" when it is on neither.
func (s *ShardController) whereIs(ctx context.Context, m policy.ShardMove) (string, error) {
	shards, err := s.client.GetShardAllocation(ctx)
	if err != nil {
		return "", err
	}
	found := ""
	for _, c := range shards {
		switch {
		case c.Index != m.Index || c.Shard != m.Shard:
		case c.Node == m.To || c.RelocatingTo == m.To:
			return m.To, nil
		case c.Node == m.From:
			found = m.From
		}
	}
	return found, nil
}
