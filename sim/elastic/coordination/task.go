package coordination

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Priority orders update tasks (org.elasticsearch.common.Priority).
type Priority uint8

// The priorities, most urgent first.
const (
	Immediate Priority = iota
	Urgent
	High
	Normal
	Low
	Languid
)

// String is Elasticsearch's name of the priority.
func (p Priority) String() string {
	return [...]string{"IMMEDIATE", "URGENT", "HIGH", "NORMAL", "LOW", "LANGUID"}[p]
}

// Task is an update of the cluster state, to be computed and published by the
// master (ClusterStateTaskListener and its executor).
type Task struct {
	Source   string
	Priority Priority
	// Timeout is how long the task may wait for its turn; 0 is for ever.
	Timeout time.Duration
	// Batch: tasks of one batch and priority that wait together are computed
	// together and published as one state. "" is computed alone.
	Batch string
	// Update returns the state after the task, or the same state when there is
	// nothing to do. It must not change the state it gets. An error fails this
	// task and leaves the others of its batch.
	Update func(*state.State) (*state.State, error)
	// Finish, if not nil, completes the state once per batch, after all Updates that
	// changed something (as a reroute after many started shards). The first task's
	// counts.
	Finish func(*state.State) *state.State
	// Published is called once the state with the update has been applied on the
	// master, or at once when the update changed nothing (old == new).
	Published func(old, new *state.State)
	// Acked is called when every node of the state has applied it (true), or when a
	// node failed to or AckTimeout ran out (false). It may come before Published,
	// and does not come after Failed.
	Acked func(all bool)
	// AckTimeout runs from the start of the publication; it matters with Acked only.
	// 0 acks false on commit; a negative one waits for ever.
	AckTimeout time.Duration
	// Failed gets a *NotMasterError, *FailedToCommitError, *TaskTimeoutError or the
	// error of Update. Published is not called then.
	Failed func(error)
}

// Pending is a task that waits for its turn or is being published
// (_cluster/pending_tasks).
type Pending struct {
	Order     int64
	Source    string
	Priority  Priority
	Executing bool
	Waiting   time.Duration
}

// NotMasterError fails a task on a node that is not the elected master.
type NotMasterError struct{ Source string }

func (e *NotMasterError) Error() string {
	return fmt.Sprintf("no longer master, failing [%s]", e.Source)
}

// FailedToCommitError fails a task whose state was not accepted by a quorum. Whether
// it comes into force later, under another master, is unknown.
type FailedToCommitError struct{ Reason string }

func (e *FailedToCommitError) Error() string { return e.Reason }

// TaskTimeoutError fails a task that waited longer than its Timeout.
type TaskTimeoutError struct {
	Source  string
	Timeout time.Duration
}

func (e *TaskTimeoutError) Error() string {
	return fmt.Sprintf("failed to process cluster event (%s) within %s", e.Source, settings.HumanTime(e.Timeout))
}
