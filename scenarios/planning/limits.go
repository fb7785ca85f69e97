package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// What may bind a cluster.
const (
	limitDisk       = "disk"
	limitShards     = "shards per node"
	limitCPU        = "processors"
	limitThrottle   = "throttle"
	limitBandwidth  = "bandwidth"
	limitPlaces     = "where copies may lie"
	limitPatience   = "how long a lost copy is waited for"
	limitNotKnown   = "not known"
	limitLostCopies = "copies that were all lost"
	limitMasters    = "nodes that may be master"
)

// limitsOf are what deciders hold copies for.
var limitsOf = map[string]string{
	"disk_threshold": limitDisk, "shards_limit": limitShards, "awareness": limitPlaces, "same_shard": limitPlaces, "filter": limitPlaces, "data_tier": limitPlaces,
	"node_version": limitPlaces, "throttling": limitThrottle,
}

// limit is what binds where an objective isn't met: what the run says of copies that are held,
// else what the objective is about, and of a time what the copying waits for.
func (o *outlook) limit(day, objective int, at judgedOn) string {
	return bindingLimit(o.days[day], &o.s.objectives[objective], at)
}

func bindingLimit(s *side, ob *objective, at judgedOn) string {
	seen := at.seen
	text := at.Reason
	if seen != nil {
		text += " " + seen.Refused
	}
	switch {
	case strings.Contains(text, "maximum normal shards open"), strings.Contains(text, "maximum shards open"):
		return limitShards + ": cluster.max_shards_per_node"
	case strings.Contains(text, "disk is full"):
		return limitDisk
	case ob.load:
		return limitCPU
	case ob.expect.Kind() == "disk-below":
		return limitDisk
	case seen == nil:
		return limitNotKnown
	}
	for _, a := range seen.Ailments {
		if l, known := limitsOf[a.Decider]; known {
			return l + ": " + a.Decider
		}
		switch a.Cause {
		case "no-valid-copy":
			return limitLostCopies
		case "no-master":
			return limitMasters
		case "throttled":
			return s.slowest()
		}
	}
	for decider, l := range sortedLimits() {
		if strings.Contains(seen.Refused, decider) {
			return l + ": " + decider
		}
	}
	if seen.Peak.Crossed == "high" || seen.Peak.Crossed == "flood-stage" {
		return limitDisk + ": watermark " + seen.Peak.Crossed
	}
	if ob.timed && seen.Bytes != nil && *seen.Bytes > 0 {
		return s.slowest()
	}
	if ob.timed {
		return limitPatience
	}
	return limitNotKnown
}

// sortedLimits goes through the deciders by name.
func sortedLimits() func(yield func(string, string) bool) {
	names := []string{}
	for d := range limitsOf {
		names = append(names, d)
	}
	slices.Sort(names)
	return func(yield func(string, string) bool) {
		for _, d := range names {
			if !yield(d, limitsOf[d]) {
				return
			}
		}
	}
}

// slowest is what bounds the copying between nodes: the recovery throttle of a node, or its
// network or disk where those are slower.
func (s *side) slowest() string {
	sc := s.loaded.Scenario
	if sc.System != chaos.Elasticsearch {
		return limitBandwidth
	}
	throttle := settings.RecoveryMaxBytesPerSec.Get(settings.Of(es.EffectiveSettings(sc)))
	slowest, what := throttle, fmt.Sprintf("%s: indices.recovery.max_bytes_per_sec, %s/s", limitThrottle, units.FormatBytes(throttle))
	for _, n := range sc.NodeSpecs() {
		if n.Network > 0 && (slowest <= 0 || n.Network < slowest) {
			slowest, what = n.Network, fmt.Sprintf("%s: the network of %s, %s/s", limitBandwidth, n.Name, units.FormatBytes(n.Network))
		}
		if n.DiskRate > 0 && (slowest <= 0 || n.DiskRate < slowest) {
			slowest, what = n.DiskRate, fmt.Sprintf("%s: the disk of %s, %s/s", limitBandwidth, n.Name, units.FormatBytes(n.DiskRate))
		}
	}
	return what
}

// refused is what a run comes to of a cluster that can't even be brought to what it should be.
func (s *side) refused(l Loss, why string) *run {
	out := &run{Seen: sight{Refused: why, Began: "unknown", RedOnce: []string{}, RedAtEnd: []string{}}}
	for i := range s.objectives {
		if o := &s.objectives[i]; o.after(l) {
			out.Outcomes = append(out.Outcomes, []scenarios.Outcome{{Name: o.name, Verdict: scenarios.Fail, Reason: "the cluster can't hold its data: " + why}})
		}
	}
	return out
}
