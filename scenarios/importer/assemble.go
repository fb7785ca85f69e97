package importer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// assembly puts snapshots of one cluster together.
type assembly struct {
	c     *clusterfile.Cluster
	base  *snapshot   // the newest that says where copies are
	older *snapshot   // of another time, for rates; nil: none
	all   []*snapshot // the newest first
	// names are the unique names of nodes by id, ids the other way round.
	names map[string]string
	ids   map[string]string
	// uptime is how long each node counts, in milliseconds, by its name.
	uptime map[string]int64

	told map[string]bool
}

func assemble(snaps []*snapshot, complaints []string) (*clusterfile.Cluster, error) {
	snaps = slices.DeleteFunc(snaps, func(s *snapshot) bool { return len(s.files) == 0 })
	if !slices.ContainsFunc(snaps, func(s *snapshot) bool { return !s.empty() }) {
		return nil, errors.Join(append([]error{errors.New("nothing in it tells of a cluster; expected a support-diagnostics bundle, or answers of _cluster/state, _nodes, _nodes/stats, _stats?level=shards or _cat/shards")}, said(snaps, complaints)...)...)
	}
	slices.Reverse(snaps) // of equal times the later one counts
	slices.SortStableFunc(snaps, func(a, b *snapshot) int { return cmp.Compare(b.at, a.at) })
	a := &assembly{
		c:     &clusterfile.Cluster{Schema: clusterfile.Schema, System: clusterfile.Elasticsearch},
		all:   snaps,
		names: map[string]string{}, ids: map[string]string{}, uptime: map[string]int64{}, told: map[string]bool{},
	}
	for _, s := range snaps {
		if a.base == nil && s.tellsCopies() {
			a.base = s
		}
	}
	if a.base == nil {
		return nil, errors.Join(append([]error{errors.New("it does not tell where the copies are; expected _cluster/state or _cat/shards")}, said(snaps, complaints)...)...)
	}
	if err := a.identity(); err != nil {
		return nil, err
	}
	for _, s := range snaps {
		if s != a.base && a.older == nil && s.statsAt > 0 && a.base.statsAt > s.statsAt && len(s.shardStats) > 0 {
			a.older = s
		}
	}
	a.nodes()
	a.clusterWide()
	if err := a.indices(); err != nil {
		return nil, err
	}
	a.disks()
	a.calibration()
	a.compareHealth()
	a.sources(complaints)
	a.versions()
	a.unmodelled()
	a.certainty()
	slices.SortStableFunc(a.c.Assumptions, func(x, y clusterfile.Assumption) int { return y.Weight - x.Weight })
	return a.c, nil
}

// said are the problems with the files, as reasons of a failure.
func said(snaps []*snapshot, complaints []string) []error {
	var out []error
	for _, c := range complaints {
		out = append(out, errors.New(c))
	}
	for _, s := range snaps {
		for _, f := range s.files {
			if f.Problem != "" {
				out = append(out, fmt.Errorf("%s (%s): %s", f.Name, f.Kind, f.Problem))
			}
		}
	}
	return out
}

func (a *assembly) assume(weight int, about, took, why, matters string) {
	a.c.Assumptions = append(a.c.Assumptions, clusterfile.Assumption{About: about, Took: took, Why: why, Matters: matters, Weight: weight})
}

// contradict tells what sources disagree about, once for each text.
func (a *assembly) contradict(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !a.told[s] {
		a.told[s] = true
		a.c.Contradictions = append(a.c.Contradictions, s)
	}
}

// identity refuses to mix two clusters.
func (a *assembly) identity() error {
	var uuid, uuidOf, name, nameOf string
	for _, s := range a.all {
		if s.uuid != "" && uuid != "" && s.uuid != uuid {
			return fmt.Errorf("%s is of cluster %s and %s of cluster %s; expected sources of one cluster", uuidOf, clip(uuid), s.name, clip(s.uuid))
		}
		if s.uuid != "" && uuid == "" {
			uuid, uuidOf = s.uuid, s.name
		}
		if s.cluster != "" && name != "" && s.cluster != name {
			a.contradict("%s calls the cluster %q, %s calls it %q: the newer one is taken", nameOf, clip(name), s.name, clip(s.cluster))
		}
		if s.cluster != "" && name == "" {
			name, nameOf = s.cluster, s.name
		}
	}
	a.c.Name, a.c.UUID = cmp.Or(name, "unnamed"), uuid
	if a.base.at > 0 {
		a.c.At = clusterfile.Seen(a.base.at)
	}
	return nil
}

// first is the first thing that a snapshot tells, the base's before the newest's.
func first[T any](a *assembly, get func(*snapshot) (T, bool)) (v T, ok bool) {
	for _, s := range append([]*snapshot{a.base}, a.all...) {
		if v, ok := get(s); ok {
			return v, true
		}
	}
	return v, false
}

// clusterWide takes over settings, voting configuration, data streams and policies.
func (a *assembly) clusterWide() {
	st := a.base.state
	c := a.c
	var left []string
	for _, scope := range []struct {
		name string
		to   *clusterfile.Settings
	}{{"persistent", &c.Persistent}, {"transient", &c.Transient}} {
		f, ok := first(a, func(s *snapshot) (flat, bool) { f, ok := s.settings[scope.name]; return f, ok })
		if !ok && st != nil {
			f = map[string]flat{"persistent": st.persistent, "transient": st.transient}[scope.name]
			ok = f != nil
		}
		if !ok && scope.name == "persistent" {
			a.assume(80, "cluster settings", "Elasticsearch's defaults", "no source holds _cluster/settings", "watermarks, awareness, concurrent recoveries, filters")
		}
		kept, secret := withoutSecrets(f)
		*scope.to = kept
		left = append(left, secret...)
	}
	if len(left) > 0 {
		slices.Sort(left)
		c.Unmodelled = append(c.Unmodelled, "settings left out because their names or values look like secrets: "+strings.Join(slices.Compact(left), ", "))
	}
	if st != nil {
		c.Coordination = clusterfile.Coordination{
			StateVersion: number(st.version), Term: number(st.term), Master: a.names[st.master],
			Committed: a.named(st.committed), Accepted: a.named(st.accepted), Exclusions: a.named(st.exclusions),
		}
	} else {
		a.voters()
	}
	c.DataStreams, _ = first(a, func(s *snapshot) ([]clusterfile.DataStream, bool) { return s.streams, len(s.streams) > 0 })
	c.ILM, _ = first(a, func(s *snapshot) ([]clusterfile.Policy, bool) { return s.policies, len(s.policies) > 0 })
	c.DesiredStats, _ = first(a, func(s *snapshot) (*clusterfile.Desired, bool) { return s.desiredStats, s.desiredStats != nil })
}

// voters are assumed to be all that may be elected, an odd number of them.
func (a *assembly) voters() {
	var masters []string
	for _, n := range a.c.Nodes {
		if slices.Contains(n.Roles, "master") {
			masters = append(masters, n.Name)
		}
	}
	slices.Sort(masters)
	for _, s := range a.all {
		for _, n := range s.catNodes {
			if n.master && a.c.Coordination.Master == "" && a.known(n.name) {
				a.c.Coordination.Master = n.name
			}
		}
	}
	if len(masters) > 0 && a.c.Coordination.Master == "" {
		a.c.Coordination.Master = masters[0]
		a.assume(40, "the elected master", masters[0], "neither _cluster/state nor _cat/nodes was given", "what happens when that node is lost")
	}
	voters := slices.Clone(masters)
	if n := len(voters); n > 1 && n%2 == 0 {
		i := slices.IndexFunc(voters, func(v string) bool { return v != a.c.Coordination.Master })
		voters = slices.Delete(voters, i, i+1)
	}
	a.c.Coordination.Committed, a.c.Coordination.Accepted = voters, voters
	a.assume(45, "the voting configuration", fmt.Sprintf("%d of the master-eligible nodes", len(voters)), "no source holds _cluster/state", "which losses the cluster's quorum survives")
}

func (a *assembly) known(node string) bool {
	return slices.ContainsFunc(a.c.Nodes, func(n clusterfile.Node) bool { return n.Name == node })
}

// named are the names of nodes; who is no member keeps the id.
func (a *assembly) named(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, cmp.Or(a.names[id], id))
	}
	slices.Sort(out)
	return out
}

// calibration is the median speed of recoveries.
func (a *assembly) calibration() {
	speeds, _ := first(a, func(s *snapshot) ([]int64, bool) { return s.speeds, len(s.speeds) > 0 })
	if len(speeds) == 0 {
		return
	}
	speeds = slices.Sorted(slices.Values(speeds))
	a.c.Calibration = clusterfile.Calibration{RecoveryBytesPerSec: clusterfile.Computed(speeds[len(speeds)/2]), Recoveries: len(speeds)}
}

// compareHealth tells when the counts of _cluster/health are others.
func (a *assembly) compareHealth() {
	h := a.base.health
	if h == nil {
		return
	}
	if h.Nodes.ok && int(h.Nodes.v) != len(a.c.Nodes) {
		a.contradict("%s: _cluster/health counts %d nodes, the other answers tell of %d: those are taken", a.base.name, h.Nodes.v, len(a.c.Nodes))
	}
	unassigned := 0
	for _, ix := range a.c.Indices {
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				if cp.State == clusterfile.NoNode {
					unassigned++
				}
			}
		}
	}
	if h.Unassigned.ok && int(h.Unassigned.v) != unassigned {
		a.contradict("%s: _cluster/health counts %d unassigned copies, the table of copies holds %d: the table is taken", a.base.name, h.Unassigned.v, unassigned)
	}
}

// sources lists what was read, the oldest first.
func (a *assembly) sources(complaints []string) {
	for _, s := range slices.Backward(a.all) {
		for _, f := range s.files {
			if len(a.all) > 1 {
				f.Name = s.name + ": " + f.Name
			}
			if f.At == 0 {
				f.At = s.at
			}
			a.c.Sources = append(a.c.Sources, f)
		}
	}
	for _, c := range complaints {
		a.c.Sources = append(a.c.Sources, clusterfile.Source{Name: clip(c), Kind: unknownKind.String(), Problem: "could not be read"})
	}
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
