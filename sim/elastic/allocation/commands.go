package allocation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// The commands of the reroute API.
const (
	MoveCommand                 = "move"
	CancelCommand               = "cancel"
	AllocateReplicaCommand      = "allocate_replica"
	AllocateStalePrimaryCommand = "allocate_stale_primary"
	AllocateEmptyPrimaryCommand = "allocate_empty_primary"
)

// Command is a command of the reroute API.
type Command struct {
	Kind  string // one of the constants above
	Index string
	Shard int
	// Node is a node's id, name or address; of a move it is the target.
	Node string
	// From is the source of a move.
	From           string
	AllowPrimary   bool // cancel
	AcceptDataLoss bool // allocate_stale_primary, allocate_empty_primary
}

// CommandOptions are the reroute API's parameters.
type CommandOptions struct {
	// DryRun leaves out the reroute that follows the commands; the caller does not
	// publish the state.
	DryRun bool
	// Explain answers a refused command with an explanation instead of an error.
	Explain bool
	// RetryFailed gives copies that failed too often another chance.
	RetryFailed bool
}

// CommandExplanation is what the deciders said of a command.
type CommandExplanation struct {
	Command   Command
	Decisions []Decision
}

// CommandError is why a command was refused. Type is Elasticsearch's name of the
// exception: illegal_argument_exception, index_not_found_exception or
// shard_not_found_exception.
type CommandError struct{ Type, Reason string }

func (e *CommandError) Error() string { return e.Reason }

func illegal(format string, args ...any) error {
	return &CommandError{"illegal_argument_exception", fmt.Sprintf(format, args...)}
}

// Commands runs commands and then reroutes (AllocationService.reroute with commands).
// With the desired balance, moves also enter the next computation. On an error the
// state is st and nothing is remembered.
func (s *Service) Commands(st *state.State, cmds []Command, opts CommandOptions, in Input) (*state.State, []CommandExplanation, error) {
	p := s.newPass(st, in)
	p.ignoreDisable = true
	if opts.RetryFailed {
		p.resetFailures()
	}
	var explanations []CommandExplanation
	var moves []Command
	for _, c := range cmds {
		decisions, err := p.execute(c, opts.Explain)
		if err != nil {
			return st, nil, err
		}
		explanations = append(explanations, CommandExplanation{c, decisions})
		if c.Kind == MoveCommand {
			moves = append(moves, c)
		}
	}
	p.ignoreDisable = false
	if p.Settings.DesiredBalance {
		s.moves = append(s.moves, moves...)
	}
	if !opts.DryRun {
		s.reroute(p)
	}
	return p.Result(), explanations, nil
}

// resetFailures forgets how often copies failed (RoutingNodes.resetFailedCounter).
func (p *pass) resetFailures() {
	for _, r := range p.Unassigned {
		info := *r.Info
		if info.FailedAllocations > 0 {
			info.Reason = state.ManualAllocation
		}
		info.FailedAllocations, info.FailedNodes = 0, nil
		p.UpdateInfo(r, &info)
	}
	for _, n := range p.Nodes {
		for _, r := range n.Copies() {
			if r.Failures == 0 {
				continue
			}
			r.Orig, r.Failures = nil, 0
			p.Changed = true
			s := r.Shard
			s.Assigned = append(slices.DeleteFunc(s.Assigned, func(x *routing.Copy) bool { return x == r }), r)
		}
	}
}

// execute runs one command.
func (p *pass) execute(c Command, explain bool) ([]Decision, error) {
	switch c.Kind {
	case MoveCommand:
		return p.executeMove(c, explain)
	case CancelCommand:
		return p.executeCancel(c, explain)
	case AllocateReplicaCommand:
		return p.executeAllocate(c, explain, p.allocateReplica)
	case AllocateStalePrimaryCommand:
		return p.executeAllocate(c, explain, p.allocateStalePrimary)
	case AllocateEmptyPrimaryCommand:
		return p.executeAllocate(c, explain, p.allocateEmptyPrimary)
	}
	return nil, illegal("Unknown allocation command [%s]", c.Kind)
}

// resolve finds a member by id, name or address.
func (p *pass) resolve(name string) (*state.Node, error) {
	if n := p.State.Node(name); n != nil {
		return n, nil
	}
	if name == "_master" {
		if n := p.State.Node(p.State.Master); n != nil {
			return n, nil
		}
	}
	var found []*state.Node
	for _, n := range p.State.Nodes {
		if name == "_all" || routing.SimpleMatch(name, n.Name) || routing.SimpleMatch(name, routing.HostAddress(n)) || routing.SimpleMatch(name, n.Host) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, illegal("failed to resolve [%s], no matching nodes", name)
	case 1:
		return found[0], nil
	}
	return nil, illegal("resolved [%s] into [%d] nodes, where expected to be resolved to a single node", name, len(found))
}

// refused is a refusal: an explanation if wanted, else an error.
func refused(explain bool, decider, reason string, err error) ([]Decision, error) {
	if explain {
		return []Decision{{Decider: decider, Verdict: No, Explanation: reason}}, nil
	}
	return nil, err
}

// textOf is the text of decisions in an error.
func textOf(decisions []Decision) string {
	var b strings.Builder
	for _, d := range decisions {
		fmt.Fprintf(&b, "[%s(%s)]", d.Verdict, d.Explanation)
	}
	return b.String()
}

func (p *pass) executeMove(c Command, explain bool) ([]Decision, error) {
	from, err := p.resolve(c.From)
	if err != nil {
		return nil, err
	}
	to, err := p.resolve(c.Node)
	if err != nil {
		return nil, err
	}
	const name = "move_allocation_command"
	for _, n := range []*state.Node{from, to} {
		if p.ByID[n.ID] == nil {
			return nil, illegal("[move_allocation] can't move [%s][%d] from %s to %s: source [%s] is not a data node.",
				c.Index, c.Shard, discoText(from), discoText(to), n.Name)
		}
	}
	r := p.copyOn(c, p.ByID[from.ID])
	switch {
	case r == nil:
		return refused(explain, name, fmt.Sprintf("shard %d not found", c.Shard),
			illegal("[move_allocation] can't move %d, failed to find it on node %s", c.Shard, discoText(from)))
	case !r.Started():
		return refused(explain, name, fmt.Sprintf("shard %d has not been started", c.Shard),
			illegal("[move_allocation] can't move %d, shard is not started (state = %s]", c.Shard, r.State))
	}
	verdict, decisions := p.explained(func() Verdict { return p.canAllocate(r, p.ByID[to.ID]) })
	if verdict == No {
		if explain {
			return decisions, nil
		}
		return nil, illegal("[move_allocation] can't move %d, from %s, to %s, since its not allowed, reason: %s",
			c.Shard, discoText(from), discoText(to), textOf(decisions))
	}
	p.Relocate(r, p.ByID[to.ID], knownSize(r))
	return decisions, nil
}

// copyOn finds the command's shard on a node.
func (p *pass) copyOn(c Command, n *routing.Node) *routing.Copy {
	if idx := p.ByName[c.Index]; idx != nil && c.Shard >= 0 && c.Shard < len(idx.Shards) && n != nil {
		return idx.Shards[c.Shard].On(n)
	}
	return nil
}

func (p *pass) executeCancel(c Command, explain bool) ([]Decision, error) {
	disco, err := p.resolve(c.Node)
	if err != nil {
		return nil, err
	}
	const name = "cancel_allocation_command"
	n := p.ByID[disco.ID]
	if n != nil && p.ByName[c.Index] == nil {
		return nil, noIndex(c.Index)
	}
	r := p.copyOn(c, n)
	if r == nil {
		reason := fmt.Sprintf("can't cancel %d, failed to find it on node %s", c.Shard, discoText(disco))
		return refused(explain, name, reason, illegal("[cancel_allocation] %s", reason))
	}
	if r.Primary && !c.AllowPrimary && !r.IsTarget() {
		reason := fmt.Sprintf("can't cancel %d on node %s, shard is primary and %s", c.Shard, discoText(disco), strings.ToLower(r.State.String()))
		return refused(explain, name, reason, illegal("[cancel_allocation] %s", reason))
	}
	active, id := r.Active(), r.ID
	p.Fail(r, &state.UnassignedInfo{
		Reason: state.RerouteCancelled, AtNanos: p.in.NowNanos, AtMillis: p.in.NowMillis, LastStatus: state.NoAttempt,
	})
	if active {
		u := p.UpdateOf(r.Shard)
		u.Removed = append(u.Removed, id)
	}
	return []Decision{{name, Yes, fmt.Sprintf("shard %d on node %s can be cancelled", c.Shard, discoText(disco))}}, nil
}

func noIndex(name string) error {
	return &CommandError{"index_not_found_exception", fmt.Sprintf("no such index [%s]", name)}
}

// executeAllocate checks what the three allocate commands have in common.
func (p *pass) executeAllocate(c Command, explain bool, allocate func(Command, *routing.Shard, *routing.Node, bool) ([]Decision, error)) ([]Decision, error) {
	reject := func(err error) ([]Decision, error) {
		return refused(explain, c.Kind+" (allocation command)", err.Error(), err)
	}
	disco, err := p.resolve(c.Node)
	if err != nil {
		return reject(err)
	}
	n := p.ByID[disco.ID]
	if n == nil {
		return p.reject(c, explain, "allocation can only be done on data nodes, not [%s]", c.Node)
	}
	idx := p.ByName[c.Index]
	switch {
	case idx == nil:
		return reject(noIndex(c.Index))
	case c.Shard < 0 || c.Shard >= len(idx.Shards):
		return reject(&CommandError{"shard_not_found_exception", "no such shard"})
	}
	return allocate(c, idx.Shards[c.Shard], n, explain)
}

func (p *pass) reject(c Command, explain bool, format string, args ...any) ([]Decision, error) {
	reason := fmt.Sprintf(format, args...)
	return refused(explain, c.Kind+" (allocation command)", reason, illegal("[%s] %s", c.Kind, reason))
}

// unassignedOf finds an unassigned copy of a shard by role.
func (p *pass) unassignedOf(s *routing.Shard, primary bool) *routing.Copy {
	for _, r := range p.Unassigned {
		if r.Shard == s && r.Primary == primary {
			return r
		}
	}
	return nil
}

// initializeNow puts an unassigned copy on a node.
func (p *pass) initializeNow(r *routing.Copy, n *routing.Node) {
	p.FilterUnassigned(func(x *routing.Copy) bool { return x == r }, func(*routing.Copy) bool { return true })
	p.Initialize(r, n, "", knownSize(r))
}

func (p *pass) allocateReplica(c Command, s *routing.Shard, n *routing.Node, explain bool) ([]Decision, error) {
	if !slices.ContainsFunc(s.Assigned, func(r *routing.Copy) bool { return r.Primary }) {
		return p.reject(c, explain, "trying to allocate a replica shard [%s][%d], while corresponding primary shard is still unassigned", c.Index, c.Shard)
	}
	r := p.unassignedOf(s, false)
	if r == nil {
		return p.reject(c, explain, "all copies of [%s][%d] are already assigned. Use the move allocation command instead", c.Index, c.Shard)
	}
	verdict, decisions := p.explained(func() Verdict { return p.canAllocate(r, n) })
	if verdict == No {
		if explain {
			return decisions, nil
		}
		return nil, illegal("[%s] allocation of [%s][%d] on node %s is not allowed, reason: %s", c.Kind, c.Index, c.Shard, discoText(n.Disco), textOf(decisions))
	}
	p.initializeNow(r, n)
	return decisions, nil
}

// ignoringDeciders is the explanation of a forced primary.
func ignoringDeciders(c Command) []Decision {
	return []Decision{{c.Kind + " (allocation command)", Yes, "ignore deciders"}}
}

const dataLoss = "allocating an empty primary for [%s][%d] can result in data loss. Please confirm by setting the accept_data_loss parameter to true"

func (p *pass) allocateStalePrimary(c Command, s *routing.Shard, n *routing.Node, explain bool) ([]Decision, error) {
	r := p.unassignedOf(s, true)
	switch {
	case r == nil:
		return p.reject(c, explain, "primary [%s][%d] is already assigned", c.Index, c.Shard)
	case !c.AcceptDataLoss:
		return p.reject(c, explain, dataLoss, c.Index, c.Shard)
	case r.Source != state.ExistingStore:
		return p.reject(c, explain, "trying to allocate an existing primary shard [%s][%d], while no such shard has ever been active", c.Index, c.Shard)
	}
	r.ForceStale = true
	p.initializeNow(r, n)
	return ignoringDeciders(c), nil
}

func (p *pass) allocateEmptyPrimary(c Command, s *routing.Shard, n *routing.Node, explain bool) ([]Decision, error) {
	r := p.unassignedOf(s, true)
	switch {
	case r == nil:
		return p.reject(c, explain, "primary [%s][%d] is already assigned", c.Index, c.Shard)
	case r.Source != state.EmptyStore && !c.AcceptDataLoss:
		return p.reject(c, explain, dataLoss, c.Index, c.Shard)
	}
	if r.Info.Reason != state.ForcedEmptyPrimary {
		message := r.Info.Message
		if message == "" {
			message = "null"
		}
		p.UpdateInfo(r, &state.UnassignedInfo{
			Reason: state.ForcedEmptyPrimary, Message: fmt.Sprintf("force empty allocation from previous reason %s, %s", r.Info.Reason, message),
			Failure: r.Info.Failure, AtNanos: p.in.NowNanos, AtMillis: p.in.NowMillis, LastStatus: r.Info.LastStatus,
		})
	}
	r.Source, r.ForceStale = state.EmptyStore, false
	p.initializeNow(r, n)
	return ignoringDeciders(c), nil
}
