package snapshotpolicies

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/datemath"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Missing is the answer to the name of a policy that isn't there.
func Missing(st *state.State, names []string) *elastic.Error {
	reason := "snapshot lifecycle policy or policies [" + strings.Join(names, ", ") + "] not found"
	if len(st.SnapshotPolicies) == 0 {
		reason += ", no policies are configured"
	}
	return &elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: reason}
}

// Check says what is wrong with a policy (SnapshotLifecyclePolicy.validate).
func Check(p *state.SnapshotPolicy, now time.Time) (wrong []string) {
	switch {
	case p.Name == "":
		wrong = append(wrong, "invalid policy id []: must not be empty")
	case strings.ContainsAny(p.Name, ", "):
		wrong = append(wrong, "invalid policy id ["+p.Name+"]: must not contain ',' or spaces")
	case p.Name[0] == '_':
		wrong = append(wrong, "invalid policy id ["+p.Name+"]: must not start with '_'")
	}
	snapshot, err := datemath.Name(p.Snapshot, now)
	switch {
	case err != nil:
		wrong = append(wrong, "invalid snapshot name ["+p.Snapshot+"]: "+elastic.AsError(err).Reason)
	case strings.ToLower(snapshot) != snapshot:
		wrong = append(wrong, "invalid snapshot name ["+p.Snapshot+"]: must be lowercase")
	case snapshot == "" || strings.ContainsAny(snapshot, ` \/*?"<>|,#`):
		wrong = append(wrong, "invalid snapshot name ["+p.Snapshot+"]: must not contain whitespace, '#' or the following characters "+`[ , ", *, \, <, |, ,, >, /, ?]`)
	}
	if _, err := ParseSchedule(p.Schedule); err != nil {
		wrong = append(wrong, err.Error())
	}
	if p.Repository == "" {
		wrong = append(wrong, "invalid repository name ["+p.Repository+"]: cannot be empty")
	}
	return wrong
}

// Put adds a policy or changes it (TransportPutSnapshotLifecycleAction).
func Put(ctx context.Context, n *elastic.Node, p state.SnapshotPolicy, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "put-snapshot-lifecycle-"+p.Name, elastic.Normal, masterTimeout, ackTimeout, putPolicy{p})
	return acked, err
}

// putPolicy adds a policy or changes it.
type putPolicy struct {
	p state.SnapshotPolicy
}

func (c putPolicy) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	if st.Repository(c.p.Repository) == nil {
		return nil, api.IllegalArgument("no such repository [%s]", c.p.Repository)
	}
	now := m.Process.Cluster.Engine().Wall()
	if err := tooOften(m.Process.Node, c.p.Schedule, now); err != nil {
		return nil, err
	}
	next := c.p
	next.Version, next.ModifiedMillis = 1, now.UnixMilli()
	if was := st.SnapshotPolicy(c.p.Name); was != nil {
		next.Version = was.Version + 1
		next.Running, next.LastSuccess, next.LastFailure = was.Running, was.LastSuccess, was.LastFailure
		next.Taken, next.Failed, next.Deleted, next.NotDeleted = was.Taken, was.Failed, was.Deleted, was.NotDeleted
	}
	return st.WithSnapshotPolicy(&next), nil
}

// tooOften refuses a schedule by which a policy would act more often than it may.
func tooOften(n *elastic.Node, text string, now time.Time) error {
	s, err := ParseSchedule(text)
	if err != nil {
		return api.IllegalArgument("%s", err.Error())
	}
	least := settings.SnapshotPolicyLeast.Get(n.ClusterSettings())
	first := s.Next(now, now)
	if first.IsZero() {
		return nil
	}
	if second := s.Next(first, now); !second.IsZero() && second.Sub(first) < least {
		return api.IllegalArgument("invalid schedule [%s]: schedule would be too frequent, executing more than every [%s]", text, settings.HumanTime(least))
	}
	return nil
}

// Delete forgets a policy; its snapshots stay.
func Delete(ctx context.Context, n *elastic.Node, name string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "delete-snapshot-lifecycle-"+name, elastic.Normal, masterTimeout, ackTimeout, deletePolicy{name})
	return acked, err
}

// deletePolicy forgets a policy.
type deletePolicy struct {
	name string
}

func (c deletePolicy) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if st.SnapshotPolicy(c.name) == nil {
		return nil, &elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "snapshot lifecycle policy not found: " + c.name}
	}
	return st.WithoutSnapshotPolicy(c.name), nil
}

// SetStopped has policies act no more, or again.
func SetStopped(ctx context.Context, n *elastic.Node, stopped bool, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "slm_operation_mode_update", elastic.Normal, masterTimeout, ackTimeout, setStopped{stopped})
	return acked, err
}

// setStopped has policies act no more, or again.
type setStopped struct {
	stopped bool
}

func (c setStopped) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	if st.SnapshotPoliciesStopped == c.stopped {
		return st, nil
	}
	next := st.Clone()
	next.SnapshotPoliciesStopped = c.stopped
	return next, nil
}

// Execute has a policy take a snapshot now, and gives its name
// (TransportExecuteSnapshotLifecycleAction).
func Execute(ctx context.Context, n *elastic.Node, name string, masterTimeout time.Duration) (snapshot string, err error) {
	return elastic.OnMaster(ctx, n, masterTimeout, execute{name})
}

// execute has the master take a snapshot; retainNow has it delete those that may go.
type (
	execute   struct{ name string }
	retainNow struct{}
)

func (q execute) AskMaster(m *elastic.Master) (string, error) {
	s, st := serviceOf(m.Process), m.Process.Applied
	switch {
	case s == nil:
		return "", elastic.ErrNotMaster
	case st.SnapshotPolicy(q.name) == nil:
		return "", api.IllegalArgument("no such policy [%s]", q.name)
	}
	return s.take(st.SnapshotPolicy(q.name))
}

// ExecuteRetention has the snapshots that may go deleted now.
func ExecuteRetention(ctx context.Context, n *elastic.Node, masterTimeout time.Duration) error {
	_, err := elastic.OnMaster(ctx, n, masterTimeout, retainNow{})
	return err
}

// chosen are the indices that a policy's expressions mean now.
func chosen(st *state.State, p *state.SnapshotPolicy) ([]string, error) {
	all := make([]string, 0, len(st.Indices))
	for _, m := range st.Indices {
		all = append(all, m.Name)
	}
	slices.Sort(all)
	if len(p.Indices) == 0 {
		return all, nil
	}
	var out []string
	for _, e := range p.Indices {
		pattern, without := strings.CutPrefix(e, "-")
		matching := named(st, all, pattern)
		switch {
		case without:
			out = slices.DeleteFunc(out, func(name string) bool { return slices.Contains(matching, name) })
		case len(matching) == 0 && !strings.Contains(e, "*") && e != "_all" && !p.Lenient:
			return nil, elastic.IndexNotFound(e)
		default:
			out = append(out, matching...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// named are the indices that an expression means by their names, their aliases or the data
// streams that they are of.
func named(st *state.State, all []string, pattern string) []string {
	var out []string
	for _, name := range all {
		names := []string{name}
		for i := range st.Index(name).Aliases {
			names = append(names, st.Index(name).Aliases[i].Name)
		}
		if d := st.StreamOf(name); d != nil {
			names = append(names, d.Name)
		}
		if pattern == "_all" || slices.ContainsFunc(names, func(n string) bool { return matches(pattern, n) }) {
			out = append(out, name)
		}
	}
	return out
}

// matches reports whether a name is what a pattern with asterisks means.
func matches(pattern, name string) bool {
	first, others, more := strings.Cut(pattern, "*")
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	if !more {
		return name == ""
	}
	for ; len(name) > 0; name = name[1:] {
		if matches(others, name) {
			return true
		}
	}
	return matches(others, "")
}

func (retainNow) AskMaster(m *elastic.Master) (struct{}, error) {
	s := serviceOf(m.Process)
	if s == nil {
		return struct{}{}, elastic.ErrNotMaster
	}
	s.retain()
	return struct{}{}, nil
}
