package recovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/source"
)

// Action is something to do about a fault.
type Action string

// The actions. Wait and Ask do nothing to the cluster.
const (
	Wait             Action = "wait"
	Ask              Action = "ask-a-person"
	Nudge            Action = "reroute"
	EnableAllocation Action = "enable-allocation"
	RetryFailed      Action = "retry-failed"
	LiftBlock        Action = "lift-block"
	ClearFilter      Action = "clear-filter"
	CancelRecovery   Action = "cancel-recovery"
	StalePrimary     Action = "allocate-stale-primary"
	EmptyPrimary     Action = "allocate-empty-primary"
	RestoreSnapshot  Action = "restore-snapshot"
	RaiseReplicas    Action = "raise-replicas"
	FreeDisk         Action = "free-disk"
)

// Actions are all of them.
func Actions() []Action {
	return []Action{
		Wait, Ask, Nudge, EnableAllocation, RetryFailed, LiftBlock, ClearFilter, CancelRecovery, StalePrimary, EmptyPrimary,
		RestoreSnapshot, RaiseReplicas, FreeDisk,
	}
}

// Approval is a person's word for an action that loses data or overrules somebody:
// the action's name, for every index, or "action:index".
type Approval string

// approvable are the actions that need an approval.
func approvable() []Action {
	return []Action{ClearFilter, StalePrimary, EmptyPrimary, RestoreSnapshot, RaiseReplicas, FreeDisk}
}

func (a Approval) parts() (action Action, index string) {
	name, index, _ := strings.Cut(string(a), ":")
	return Action(name), index
}

// approvalOf is the approval of an action for a fault's index alone: the least that helps.
func approvalOf(action Action, f *Fault) Approval {
	return Approval(string(action) + ":" + f.Index)
}

// Index is the index for which it is given; "" for all.
func (a Approval) Index() string {
	_, index := a.parts()
	return index
}

// Check returns an error for an approval of something that needs none, or that would be
// given for other indices than its author means.
func (a Approval) Check() error {
	action, index := a.parts()
	switch {
	case strings.HasSuffix(string(a), ":"):
		return fmt.Errorf("approval %q: no index follows the colon; without a colon it is for every index", a)
	case strings.ContainsAny(index, "*?,"):
		return fmt.Errorf("approval %q: want the name of one index, not a pattern", a)
	}
	if !slices.Contains(approvable(), action) {
		var names []string
		for _, x := range approvable() {
			names = append(names, string(x))
		}
		return fmt.Errorf("approval %q: %s, or one of them with \":index\"", a, source.Unknown("action", string(action), names))
	}
	if action == FreeDisk && index == "" {
		return fmt.Errorf("approval %q: want the index whose replicas may be given up, %s:INDEX", a, FreeDisk)
	}
	return nil
}

// Proposal is what a strategy wants.
type Proposal struct {
	Action Action
	// Node at which the action is aimed, where it needs one.
	Node string
	// Index is where the action helps, if not in the fault's own.
	Index string
	// Advice is for people, when only they can help.
	Advice string
	// After is how long the fault must have been open before the action is taken.
	After time.Duration
	// Snapshot is what to restore from.
	Snapshot *controller.Snapshot
	// Filters are those to take away; Everywhere says that the action holds for every index,
	// so that a word for one of them doesn't allow it.
	Filters    []FilterRef
	Everywhere bool
	// Otherwise is what else could be done, which loses more; nil: nothing.
	Otherwise *Proposal
}

// aimed reports whether it is known at what the action is aimed.
func (p *Proposal) aimed() bool {
	switch p.Action {
	case RaiseReplicas:
		return true
	case ClearFilter:
		return len(p.Filters) > 0
	case FreeDisk:
		return p.Index != ""
	case RestoreSnapshot:
		return p.Snapshot != nil
	}
	return p.Node != ""
}

// advice is that of the proposal and of what else could be done.
func (p *Proposal) advice() string {
	if p.Otherwise == nil {
		return p.Advice
	}
	return p.Advice + "; or else " + p.Otherwise.advice()
}

// strategy is what to do about a cause.
type strategy struct {
	cause   Cause
	propose func(f *Fault, d Diagnosis, cfg Config) Proposal
}

// strategies are one for each cause. A new one is a function and a line here.
func strategies() []strategy {
	return []strategy{
		{Delayed, always(Wait)}, // the node may come back, with its data
		{Throttled, always(Wait)},
		{NoPrimary, always(Wait)},
		{Assignable, nudge},
		{Disabled, enable},
		{MaxRetries, always(RetryFailed)},
		{Watermark, freeDisk},
		{Unprotected, always(RaiseReplicas)},
		{Filter, clearFilter},
		{MissingTier, missingTier},
		{OlderNodes, ask("go on with the upgrade: no copy goes to a node with an older version than the one it comes from; or add a node with the newer version")},
		{Leaving, ask("wait for the shutdown to be over, take it back (DELETE _nodes/NODE/shutdown), or add a node")},
		{Awareness, awareness},
		{ShardsLimit, shardsLimit},
		{TooFewNodes, ask("add a node, or lower number_of_replicas: two copies of a shard on one node protect nothing")},
		{Corrupt, corrupt},
		{NoValidCopy, noCopy},
		{Stuck, cancel},
		{FloodBlock, always(LiftBlock)},
		{Unclear, ask("see GET _cluster/allocation/explain for this copy")},
	}
}

// strategyFor finds the strategy of a cause.
func strategyFor(c Cause) strategy {
	all := strategies()
	for _, s := range all {
		if s.cause == c {
			return s
		}
	}
	return all[len(all)-1]
}

func ask(advice string) func(*Fault, Diagnosis, Config) Proposal {
	return func(*Fault, Diagnosis, Config) Proposal { return Proposal{Action: Ask, Advice: advice} }
}

func always(a Action) func(*Fault, Diagnosis, Config) Proposal {
	return func(*Fault, Diagnosis, Config) Proposal { return Proposal{Action: a} }
}

// nudge asks for a reroute when Elasticsearch hasn't come to a copy by itself.
func nudge(_ *Fault, _ Diagnosis, cfg Config) Proposal {
	return Proposal{Action: Nudge, After: 2 * cfg.Interval}
}

// corrupt retries a replica, whose data comes from its primary anew. Of a primary
// nothing is left but a snapshot, or giving its documents up.
func corrupt(f *Fault, d Diagnosis, cfg Config) Proposal {
	if !f.Primary {
		return Proposal{Action: RetryFailed}
	}
	p := noCopy(f, d, cfg)
	if d.Snapshot == nil {
		p.Advice = "there is no snapshot of the whole index; " + p.Advice
	}
	return p
}

// noCopy waits for a node to return; what else there is loses data, of several the one
// that loses least: the writes that a stale copy lacks, those since a snapshot, or all.
func noCopy(f *Fault, d Diagnosis, cfg Config) Proposal {
	var ways []Proposal
	if d.Stale != "" {
		ways = append(ways, Proposal{Action: StalePrimary, Node: d.Stale, After: cfg.Patience, Advice: fmt.Sprintf(
			"bring back a node that held shard %s[%d]; with the approval %q the copy on %s becomes the primary, and every write acknowledged after it fell behind is lost for good (how many can't be known while no good copy is there)",
			f.Index, f.Shard, approvalOf(StalePrimary, f), d.Stale)})
	}
	if d.Snapshot != nil {
		ways = append(ways, restoreProposal(f, d, cfg))
	}
	if len(ways) == 0 || d.Cause == Corrupt {
		where := ""
		if d.Empty != "" { // a diagnosis without a controller doesn't look for a node
			where = " on " + d.Empty
		}
		ways = append(ways, Proposal{Action: EmptyPrimary, Node: d.Empty, After: cfg.Patience, Advice: fmt.Sprintf(
			"bring back a node that held shard %s[%d]; with the approval %q an empty shard takes its place%s, and all documents of the shard are lost for good",
			f.Index, f.Shard, approvalOf(EmptyPrimary, f), where)})
	}
	for i := len(ways) - 1; i > 0; i-- {
		ways[i-1].Otherwise = &ways[i]
	}
	return ways[0]
}

// cancel gives up a recovery that doesn't get on; of a primary that would gain nothing.
func cancel(f *Fault, d Diagnosis, _ Config) Proposal {
	if f.Primary {
		return Proposal{Action: Ask, Advice: "a primary is read from its own disk: look at the node's log and disk"}
	}
	return Proposal{Action: CancelRecovery, Node: d.Scope}
}
