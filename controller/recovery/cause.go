package recovery

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
)

// Cause is why a copy is not where it should be.
type Cause string

// The causes.
const (
	Delayed     Cause = "node-left-delayed" // its node left; Elasticsearch waits for it to return
	Throttled   Cause = "throttled"         // its turn comes when other recoveries are done
	Assignable  Cause = "assignable"        // nothing stands in the way
	Disabled    Cause = "disabled"          // allocation is switched off
	Watermark   Cause = "watermark"         // disks are too full
	Filter      Cause = "filter"            // allocation filters leave no node
	MissingTier Cause = "missing-tier"      // no node is of the tiers that the index prefers
	OlderNodes  Cause = "older-nodes"       // the nodes that could take it run an older version than its primary's
	Leaving     Cause = "node-shutdown"     // nodes that are registered for a shutdown take no copies
	Awareness   Cause = "awareness"         // zones leave no node
	ShardsLimit Cause = "shards-limit"      // limits on shards per node leave no node
	TooFewNodes Cause = "too-few-nodes"     // every node holds a copy already
	MaxRetries  Cause = "max-retries"       // given up after too many failures
	Corrupt     Cause = "corrupt"           // the data on disk can't be read
	NoValidCopy Cause = "no-valid-copy"     // no node has a copy with every acknowledged write
	NoPrimary   Cause = "no-primary"        // a replica waits for its primary
	Stuck       Cause = "stuck"             // a recovery makes no progress
	FloodBlock  Cause = "flood-block"       // a disk was over the flood stage; writes are blocked
	Unprotected Cause = "unprotected"       // an index that is to have a replica has none
	Unclear     Cause = "unclear"           // something else
	NoMaster    Cause = "no-master"         // the master-eligible nodes that are there are too few to elect one
	None        Cause = "none"              // it is where it should be
)

// Diagnosis is the cause of a fault and what it rests on.
type Diagnosis struct {
	Cause Cause
	// Decider is the one of Elasticsearch that says no; "" where none does.
	Decider string
	Detail  string        // a sentence for people
	Wait    time.Duration // until Elasticsearch acts by itself; 0 unknown
	// Scope tells variants apart that are treated differently: of a setting that stands in
	// the way whose it is, of a recovery that is stuck its target.
	Scope string
	// Cure is what a person can do about it; "" where nobody is needed.
	Cure string
	// Nodes says of every node why it doesn't take the copy, and Besides what else would
	// have to change for the copy to find a node once the cause is gone.
	Nodes   []NodeReasons
	Besides []string
	// Filters are those that keep the copy from the nodes that could take it otherwise.
	Filters []FilterRef
	// Work is what is known of people at work, and Trigger what is to be done then; of
	// allocation that is switched off.
	Work    controller.Work
	Trigger controller.Trigger
	// Stale is a node with a copy that lacks acknowledged writes, Empty one that could
	// hold an empty primary; "" when there is none.
	Stale, Empty string
	// Donor is an index whose replicas may be given up for room on the disks; "" for none.
	Donor string
	// Snapshot is the newest that holds the whole index of a primary without a valid copy;
	// nil when there is none.
	Snapshot *controller.Snapshot
}

// Diagnose reads the cause from Elasticsearch's explanation of an unassigned copy.
func Diagnose(x controller.AllocationExplanation) Diagnosis {
	switch x.CanAllocate {
	case controller.CanAllocateDelayed:
		return Diagnosis{Cause: Delayed, Wait: x.RemainingDelay, Detail: fmt.Sprintf("its node left; Elasticsearch waits another %v for it to return", x.RemainingDelay)}
	case controller.CanAllocateThrottled, controller.CanAllocateAwaiting:
		return Diagnosis{Cause: Throttled, Detail: "it waits for its turn: " + x.Text}
	case controller.CanAllocateYes:
		return Diagnosis{Cause: Assignable, Detail: "nothing stands in the way: " + x.Text}
	case controller.CanAllocateNoValidCopy:
		return noValidCopy(x)
	}
	return refused(x)
}

// noValidCopy tells a primary whose copies are stale or broken from one without any.
func noValidCopy(x controller.AllocationExplanation) Diagnosis {
	d := Diagnosis{Cause: NoValidCopy}
	var broken, stale []string
	for _, n := range x.Nodes {
		switch {
		case isCorruption(n.StoreError):
			broken = append(broken, n.Node)
		case n.HasStore && !n.InSync && n.StoreError == "":
			stale = append(stale, n.Node)
		}
		if d.Empty == "" {
			d.Empty = n.Node
		}
	}
	switch {
	case len(broken) > 0:
		d.Cause, d.Detail = Corrupt, fmt.Sprintf("the copies on %s can't be read", strings.Join(broken, ", "))
	case len(stale) > 0:
		d.Detail = fmt.Sprintf("the nodes with every acknowledged write are gone; copies that lack some are left on %s", strings.Join(stale, ", "))
	default:
		d.Detail = "no node that is there holds a copy"
	}
	if len(stale) > 0 {
		d.Stale = stale[0]
	}
	return d
}

// isCorruption reports whether an exception says that data is damaged.
func isCorruption(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "corrupt") || strings.Contains(text, "checksum failed")
}

// holders are the nodes that matter: of a primary those with a copy in sync, for it
// can go nowhere else; else all.
func holders(nodes []controller.NodeVerdict) []controller.NodeVerdict {
	var with []controller.NodeVerdict
	for _, n := range nodes {
		if n.HasStore && n.InSync {
			with = append(with, n)
		}
	}
	if len(with) > 0 {
		return with
	}
	return nodes
}

// brief cuts a long text, such as one with a stack trace.
func brief(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	const shown = 300
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "…"
	}
	return text
}
