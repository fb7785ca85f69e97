package state

import "time"

// SnapshotPolicy takes snapshots at certain times and deletes old ones
// (SnapshotLifecyclePolicyMetadata).
type SnapshotPolicy struct {
	Name           string // of the policy
	Version        int64
	ModifiedMillis int64
	// Snapshot is the name of its snapshots, date math, to which something random is added.
	Snapshot, Schedule, Repository string

	Indices                            []string // expressions
	Lenient, IncludeGlobal, Partial    bool
	Metadata                           []byte // JSON that its snapshots bear; nil: none of its own
	Config                             []byte // JSON as it was given; nil: none
	Retention                          *Retention
	Running                            *SnapshotRun // being taken; nil: none
	LastSuccess, LastFailure           *SnapshotRun
	Taken, Failed, Deleted, NotDeleted int64
}

// SnapshotRun is a snapshot that a policy takes or took.
type SnapshotRun struct {
	Snapshot, UUID            string
	StartMillis, FinishMillis int64
	Failure                   string // why it failed
}

// Retention says which snapshots of a policy may go (SnapshotRetentionConfiguration).
type Retention struct {
	ExpireAfter *time.Duration
	Least, Most *int
}

// SnapshotRetentions count what was done to let snapshots go (SnapshotLifecycleStats).
type SnapshotRetentions struct {
	Runs, Failed int64
	Took         time.Duration
}

func (p *SnapshotPolicy) name() string { return p.Name }

// SnapshotPolicy finds a policy by name, or nil.
func (s *State) SnapshotPolicy(name string) *SnapshotPolicy {
	return find(s.SnapshotPolicies, (*SnapshotPolicy).name, name)
}

// WithSnapshotPolicy is the state with a policy more or changed.
func (s *State) WithSnapshotPolicy(p *SnapshotPolicy) *State {
	next := s.Clone()
	next.SnapshotPolicies = With(s.SnapshotPolicies, (*SnapshotPolicy).name, p)
	return next
}

// WithoutSnapshotPolicy is the state without a policy.
func (s *State) WithoutSnapshotPolicy(name string) *State {
	next := s.Clone()
	next.SnapshotPolicies = Without(s.SnapshotPolicies, (*SnapshotPolicy).name, name)
	return next
}
