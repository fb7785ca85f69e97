package planning

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
)

// Assumption is something that nobody told.
type Assumption struct {
	About   string `json:"about"`
	Took    string `json:"took"`
	Why     string `json:"why"`
	Matters string `json:"matters"`
	// Hangs says that an objective is decided by it.
	Hangs bool `json:"verdict_hangs_on_it"`
}

// tags say how sure the figures of a plan can be: as sure as the least sure of what they
// are computed from. What a run comes to is derived at best.
type tags struct{ times, bytes, disks, copies, load clusterfile.Tag }

// tagsOf are those of a cluster. What a file describes is taken as said; of an imported
// cluster no source tells what network and disks can do.
func tagsOf(sc *scenarios.Scenario, has func(path string) bool) tags {
	out := tags{clusterfile.Derived, clusterfile.Derived, clusterfile.Derived, clusterfile.Derived, clusterfile.Derived}
	if len(sc.Workload) == 0 {
		out.load = clusterfile.Assumed
	}
	im := sc.Imported()
	if im == nil {
		return out
	}
	if !has("$.cluster.nodes.network") || !has("$.cluster.nodes.disk-rate") {
		out.times = clusterfile.Assumed
	}
	for _, ix := range im.Indices {
		for _, s := range ix.Shards {
			for _, c := range s.Copies {
				if c.Node != "" {
					out.bytes = max(out.bytes, known(c.Bytes))
				}
			}
		}
	}
	out.disks = out.bytes
	for _, n := range im.Nodes {
		if n.Disk.Total.Known() || !slices.Contains(n.Roles, "voting_only") {
			out.disks = max(out.disks, known(n.Disk.Total))
		}
	}
	return out
}

// of is how sure the verdict of an objective can be.
func (t tags) of(o *objective) clusterfile.Tag {
	out := t.copies
	for _, about := range []struct {
		is  bool
		tag clusterfile.Tag
	}{{o.timed, t.times}, {o.bytes, t.disks}, {o.load, t.load}} {
		if about.is {
			out = max(out, about.tag)
		}
	}
	return out
}

// known is a number's tag; one that nobody told is assumed.
func known(n clusterfile.Number) clusterfile.Tag {
	if !n.Known() {
		return clusterfile.Assumed
	}
	return n.Tag
}

// saidHere is where a scenario says what an importer had to assume.
var saidHere = map[string]string{"network": "$.cluster.nodes.network", "throughput of disks": "$.cluster.nodes.disk-rate"}

// assume lists what nobody told, first what an objective is decided by.
func (s *side) assume(has func(path string) bool) {
	sc := s.loaded.Scenario
	timed := slices.ContainsFunc(s.objectives, func(o objective) bool { return o.timed })
	loaded := slices.ContainsFunc(s.objectives, func(o objective) bool { return o.load })
	sized := slices.ContainsFunc(s.objectives, func(o objective) bool { return o.bytes })
	if im := sc.Imported(); im != nil {
		for _, a := range im.Assumptions {
			if key, replaced := saidHere[a.About]; replaced && has(key) {
				continue // the scenario says it
			}
			hangs := timed && strings.Contains(a.Matters, "recover") || sized && s.tags.disks == clusterfile.Assumed && strings.Contains(a.Matters, "disk")
			s.assumed = append(s.assumed, Assumption{a.About, a.Took, a.Why, a.Matters, hangs})
		}
		for _, u := range im.Unmodelled {
			s.notes = append(s.notes, "not simulated: "+u)
		}
	}
	if len(sc.Workload) == 0 {
		s.assumed = append(s.assumed, Assumption{
			About: "the load", Took: "none", Why: "the file has no workload:", Matters: "how long recoveries take and how busy processors are", Hangs: timed || loaded,
		})
	}
	slices.SortStableFunc(s.assumed, func(a, b Assumption) int {
		switch {
		case a.Hangs == b.Hangs:
			return 0
		case a.Hangs:
			return -1
		}
		return 1
	})
	if len(sc.Faults) > 0 {
		s.notes = append(s.notes, "the faults and expectations of the file are for a run; a plan has its own")
	}
}

// patience is the shortest time that an index with replicas waits before a lost copy is made
// anew; false where none waits or somebody may change it.
func patience(sc *scenarios.Scenario) (time.Duration, bool) {
	const key = "index.unassigned.node_left.delayed_timeout"
	if sc.System != chaos.Elasticsearch || sc.Controller != nil {
		return 0, false
	}
	shortest, any := time.Duration(0), false
	note := func(replicas int, texts ...string) {
		if replicas < 1 {
			return
		}
		wait := time.Minute // Elasticsearch's default
		for _, text := range texts {
			if text == "" {
				continue
			}
			d, err := units.ParseDuration(text)
			if err != nil {
				d = 0 // another form of none
			}
			wait = d.D()
			break
		}
		if !any || wait < shortest {
			shortest, any = wait, true
		}
	}
	own := map[string]string{}
	for _, ix := range sc.Cluster.Indices {
		own[ix.Name] = ix.Settings[key]
	}
	if im := sc.Imported(); im != nil {
		for _, ix := range im.Indices {
			note(ix.Replicas, own[ix.Name], sc.Cluster.Settings[key], ix.Settings[key])
		}
	}
	for _, ix := range es.NewIndices(sc) {
		note(*ix.Replicas, ix.Settings[key], sc.Cluster.Settings[key])
	}
	return shortest, any && shortest > 0
}
