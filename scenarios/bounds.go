package scenarios

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Bounds of what a scenario may ask for. Beyond them a run would take memory or time that
// nobody meant, so they are refused with their place before anything is made.
const (
	// MostNodes bounds the size of a described cluster.
	MostNodes = 5000
	// mostFaults and mostExpectations are entries of a file, mostStreams those of a workload,
	// mostIndices and mostCopies those of a cluster.
	mostFaults, mostExpectations, mostStreams, mostIndices, mostCopies = 10_000, 1000, 1000, 10_000, 1_000_000
	// mostFollowed is how many writes a run follows one by one.
	mostFollowed = 10_000_000
	// mostRate is operations a second of a stream.
	mostRate units.Rate = 10_000_000
	// longest is how long a run may last, and wait.
	longest = 31 * 24 * time.Hour
	// shortest is between two rounds of a controller.
	shortest = 100 * time.Millisecond
	// longestName is of a scenario or a node.
	longestName = 100
	// mostCPUs and mostLatency are of a node, mostDoc of a document.
	mostCPUs               = 4096
	mostLatency            = time.Minute
	mostDoc     units.Size = 1 << 30
	// mostDocs of a shard, as Lucene has it.
	mostDocs = 2_147_483_519
)

// checkBounds returns what is asked for beyond all bounds.
func (s *Scenario) checkBounds() []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	count := func(path, what string, n, most int) {
		if n > most {
			bad(path, "%d %s; expected at most %d", n, what, most)
		}
	}
	count("$.faults", "faults", len(s.Faults), mostFaults)
	count("$.expect", "expectations", len(s.Expect), mostExpectations)
	count("$.workload", "streams of load", len(s.Workload), mostStreams)
	count("$.cluster.indices", "indices", len(s.Cluster.Indices), mostIndices)
	count("$.name", "characters in a name", len(s.Name), longestName)
	for _, t := range []struct {
		path string
		d    units.Duration
	}{{"$.duration", s.Duration}, {"$.settle", s.Settle}, {"$.steady-within", s.Steady}} {
		if t.d.D() > longest {
			bad(t.path, "%s; expected at most %s", t.d, units.Duration(longest))
		}
	}
	return append(append(append(ps, s.checkNodeBounds()...), s.boundCopies()...), s.boundLoad()...)
}

func (s *Scenario) checkNodeBounds() []source.Problem {
	var ps []source.Problem
	s.Cluster.Nodes.Each(func(at string, g *NodeGroup) {
		if g.CPUs > mostCPUs {
			ps = append(ps, source.Problemf(at+".cpus", "%d processors; expected at most %d", g.CPUs, mostCPUs))
		}
		if g.Latency.D() > mostLatency {
			ps = append(ps, source.Problemf(at+".latency", "a latency of %s; expected at most %s", g.Latency, units.Duration(mostLatency)))
		}
	})
	return ps
}

// boundCopies bounds the documents of each index, and the copies of all.
func (s *Scenario) boundCopies() []source.Problem {
	var ps []source.Problem
	copies := 0
	for i, ix := range s.Cluster.Indices {
		at := fmt.Sprintf("$.cluster.indices[%d]", i)
		if ix.Shards < 1 || ix.Replicas == nil || *ix.Replicas < 0 || *ix.Replicas > MostNodes {
			continue // told elsewhere
		}
		if ix.Docs/mostDocs >= int64(ix.Shards) {
			ps = append(ps, source.Problemf(at+".docs", "%d documents in %d shards; expected at most %d in each", ix.Docs, ix.Shards, mostDocs))
		}
		before := copies
		if copies += min(ix.Shards, mostCopies+1) * (1 + *ix.Replicas); copies > mostCopies && before <= mostCopies {
			ps = append(ps, source.Problemf(at+".shards", "with this index the cluster has more than %d copies of shards", mostCopies))
		}
	}
	return ps
}

// boundLoad bounds what is written and read, and how often a controller looks.
func (s *Scenario) boundLoad() []source.Problem {
	var ps []source.Problem
	followed := 0.0
	for i, w := range s.Workload {
		at := fmt.Sprintf("$.workload[%d]", i)
		for _, r := range []struct {
			key  string
			rate units.Rate
		}{{"writes", w.Writes}, {"reads", w.Reads}, {"transfers", w.Transfers}} {
			if r.rate > mostRate {
				ps = append(ps, source.Problemf(at+"."+r.key, "%s; expected at most %s", r.rate, mostRate))
			}
		}
		if w.Doc > mostDoc {
			ps = append(ps, source.Problemf(at+".doc", "a document of %s; expected at most %s", w.Doc, mostDoc))
		}
		if w.Tracers == nil || *w.Tracers > mostRate/1000 {
			continue // told elsewhere
		}
		before := followed
		if followed += float64(float64(*w.Tracers) * s.Duration.D().Seconds()); followed > mostFollowed && before <= mostFollowed {
			ps = append(ps, source.Problemf(at+".tracers", "more than %d writes would be followed one by one; expected fewer a second, or a shorter duration:", mostFollowed))
		}
	}
	c := s.Controller
	if c == nil {
		return ps
	}
	for _, t := range []struct {
		key   string
		every units.Duration
	}{{"interval", c.Interval}, {"consistency", c.Consistency}} {
		if t.every > 0 && t.every.D() < shortest {
			ps = append(ps, source.Problemf("$.controller."+t.key, "every %s; expected %s or more", t.every, units.Duration(shortest)))
		}
	}
	return ps
}
