package snapshotpolicies

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/datemath"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Beside has a master follow the policies of snapshots beside another service.
func Beside(other func(*elastic.Master) elastic.Follower) func(*elastic.Master) elastic.Follower {
	return func(m *elastic.Master) elastic.Follower {
		s := &service{m: m, other: other(m), watched: map[string]bool{}}
		elastic.Kept[kept](m.Process, "snapshot policies").s = s
		return s
	}
}

// kept is the service of the process's mastership.
type kept struct{ s *service }

func serviceOf(p *elastic.Process) *service {
	if p == nil || p.Master == nil {
		return nil
	}
	return elastic.Kept[kept](p, "snapshot policies").s
}

// service has the policies act. It has no timer while there is none.
type service struct {
	m       *elastic.Master
	other   elastic.Follower
	timer   sim.Timer
	of      []*state.SnapshotPolicy // that the timer was set for
	since   time.Time               // up to which everything due was done
	watched map[string]bool         // UUIDs of the snapshots whose end is waited for
}

// Stop implements [elastic.Follower].
func (s *service) Stop() {
	s.timer.Stop()
	s.other.Stop()
}

// Applied implements [elastic.Follower].
func (s *service) Applied(d *delta.Delta) {
	s.other.Applied(d)
	st := d.New
	if s.m.Process.Cluster.Distribution() == elastic.MinimalDistribution || slices.Equal(s.of, st.SnapshotPolicies) && d.Old.SnapshotPoliciesStopped == st.SnapshotPoliciesStopped {
		return
	}
	if len(s.of) == 0 || d.Old.SnapshotPoliciesStopped {
		s.since = s.now() // what was due while nothing acted is not made up for
	}
	s.of = st.SnapshotPolicies
	for _, p := range st.SnapshotPolicies {
		if p.Running != nil {
			s.watch(p.Name, p.Repository, *p.Running)
		}
	}
	s.plan()
}

func (s *service) now() time.Time { return s.m.Process.Clock.Now().UTC() }

// NextRun is when a policy acts next after a moment; the zero time: never.
func NextRun(p *state.SnapshotPolicy, after time.Time) time.Time {
	schedule, err := ParseSchedule(p.Schedule)
	if err != nil {
		return time.Time{} // it was checked when it was put
	}
	return schedule.Next(after, time.UnixMilli(p.ModifiedMillis).UTC())
}

// retention is when the snapshots that may go are looked for next.
func (s *service) retention(after time.Time) time.Time {
	schedule, err := ParseSchedule(settings.SnapshotRetentionTimes.Get(s.m.Process.Conf))
	if err != nil {
		return time.Time{}
	}
	return schedule.Next(after, after)
}

// plan sets the timer to when something is to be done next.
func (s *service) plan() {
	s.timer.Stop()
	st := s.m.Process.Applied
	if st.SnapshotPoliciesStopped || len(s.of) == 0 {
		return
	}
	next := s.retention(s.since)
	for _, p := range s.of {
		if at := NextRun(p, s.since); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		return
	}
	s.timer = s.m.Process.After(max(0, next.Sub(s.now())), "snapshot-policies", func() { s.due(next) })
}

// due does what is to be done at a moment.
func (s *service) due(at time.Time) {
	if s.m.Over {
		return
	}
	before := s.since
	s.since = at
	for _, p := range s.of {
		if next := NextRun(p, before); !next.IsZero() && !next.After(at) {
			// One that can't begin has noted why.
			_, _ = s.take(p)
		}
	}
	if next := s.retention(before); !next.IsZero() && !next.After(at) {
		s.retain()
	}
	s.plan()
}

// take begins a snapshot of a policy and gives its name.
func (s *service) take(p *state.SnapshotPolicy) (string, error) {
	name, err := datemath.Name(p.Snapshot, s.now())
	if err != nil {
		return "", err
	}
	name += "-" + strings.ToLower(state.NewID(s.m.Process.Cluster.IDs))
	began := s.now().UnixMilli()
	policy := p.Name
	s.start("slm.take", func(ctx context.Context, n *elastic.Node) {
		run := state.SnapshotRun{Snapshot: name, StartMillis: began}
		indices, err := chosen(n.Applied(), p)
		if err == nil {
			run.UUID, err = snapshots.Create(ctx, n, snapshots.CreateRequest{
				Repository: p.Repository, Name: name, Indices: indices, IncludeGlobal: p.IncludeGlobal, Partial: p.Partial, Metadata: borne(p),
				MasterTimeout: time.Minute,
			})
		}
		if err != nil {
			run.Failure = err.Error()
			s.ended(ctx, n, policy, run)
			return
		}
		changePolicy(ctx, n, policy, runBegun{policy, run})
	})
	return name, nil
}

// borne is what the snapshots of a policy bear: what it is given, and its name.
func borne(p *state.SnapshotPolicy) []byte {
	of := map[string]json.RawMessage{}
	if p.Metadata != nil {
		_ = json.Unmarshal(p.Metadata, &of) // an object, as was checked
	}
	name, _ := json.Marshal(p.Name)
	of["policy"] = name
	text, _ := json.Marshal(of)
	return text
}

// policyOf is the name of the policy that a snapshot was taken by, "" none.
func policyOf(s *snapshots.Snapshot) string {
	var of struct {
		Policy string `json:"policy"`
	}
	if json.Unmarshal(s.Metadata, &of) != nil {
		return ""
	}
	return of.Policy
}

// start runs f as a process of the master's node; it ends with the node.
func (s *service) start(name string, f func(ctx context.Context, n *elastic.Node)) {
	p := s.m.Process
	p.Clock.Go(context.Background(), name, func(ctx context.Context) { f(ctx, p.Node) })
}

// watch waits for the end of a snapshot and notes what came of it.
func (s *service) watch(policy, repository string, run state.SnapshotRun) {
	if s.watched[run.UUID] {
		return
	}
	s.watched[run.UUID] = true
	s.start("slm.watch", func(ctx context.Context, n *elastic.Node) {
		got, err := snapshots.WhenDone(ctx, n, repository, run.UUID)
		switch {
		case err != nil:
			return // the node is going; another master sees to it
		case got == nil:
			run.Failure = "snapshot_exception: [" + repository + ":" + run.Snapshot + "/" + run.UUID + "] Snapshot was aborted by deletion"
		case got.State == "FAILED" || got.State == "PARTIAL":
			run.Failure = "snapshot_exception: [" + repository + ":" + run.Snapshot + "/" + run.UUID + "] failed to create snapshot successfully, " + itoa(len(got.Failures)) + " out of " + itoa(got.Total) + " total shards failed"
		}
		s.ended(ctx, n, policy, run)
	})
}

// ended notes what came of a snapshot.
func (s *service) ended(ctx context.Context, n *elastic.Node, policy string, run state.SnapshotRun) {
	run.FinishMillis = n.Cluster().Engine().Wall().UnixMilli()
	changePolicy(ctx, n, policy, runEnded{policy, run})
}

// runEnded notes what came of a policy's snapshot.
type runEnded struct {
	policy string
	run    state.SnapshotRun
}

func (c runEnded) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	return withPolicy(st, c.policy, func(p *state.SnapshotPolicy) {
		if p.Running != nil && p.Running.UUID == c.run.UUID {
			p.Running = nil
		}
		if c.run.Failure == "" {
			p.LastSuccess = &c.run
			p.Taken++
			return
		}
		p.LastFailure = &c.run
		p.Failed++
	}), nil
}

// countDeleted counts snapshots of a policy that were deleted, and those that could not be.
type countDeleted struct {
	policy        string
	deleted, kept int64
}

func (c countDeleted) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	return withPolicy(st, c.policy, func(p *state.SnapshotPolicy) { p.Deleted += c.deleted; p.NotDeleted += c.kept }), nil
}

// runBegun notes that a policy's snapshot is under way.
type runBegun struct {
	policy string
	run    state.SnapshotRun
}

func (c runBegun) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	return withPolicy(st, c.policy, func(p *state.SnapshotPolicy) { p.Running = &c.run }), nil
}

// withPolicy is the state with a policy changed that is still there.
func withPolicy(st *state.State, policy string, change func(p *state.SnapshotPolicy)) *state.State {
	was := st.SnapshotPolicy(policy)
	if was == nil {
		return st
	}
	next := *was
	change(&next)
	return st.WithSnapshotPolicy(&next)
}

// changePolicy has a policy changed. What can't be carried out is
// the business of the next master: the snapshot still stands among those under way.
func changePolicy(ctx context.Context, n *elastic.Node, policy string, c elastic.Change) {
	_, _, _ = n.MasterTask(ctx, "update-snapshot-lifecycle-"+policy, elastic.Normal, time.Minute, time.Minute, c)
}
