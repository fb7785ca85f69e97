package allocation

import (
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// clusterSettings are the cluster's settings, read once per pass.
type clusterSettings struct {
	desiredBalance bool

	// theta are the weight's factors, each over their sum: shards, shards of the
	// index, write load, disk usage.
	theta     [4]float32
	threshold float32

	enable         string
	rebalance      string
	allowRebalance string

	concurrentRebalance int
	incoming, outgoing  int
	initialPrimaries    int

	sameHost      bool
	shardsPerNode int

	awareness []string
	forced    []settings.NamedValues

	require, include, exclude filters
	filtered                  bool // any of them is set

	disk diskSettings
}

// diskSettings are the watermarks.
type diskSettings struct {
	enabled   bool
	low, high settings.Watermark
}

func newClusterSettings(s settings.Settings) *clusterSettings {
	c := &clusterSettings{
		desiredBalance: settings.AllocationType.Get(s) == settings.DesiredBalance,
		threshold:      max(1, settings.BalanceThreshold.Get(s)),

		enable:         settings.AllocationEnable.Get(s),
		rebalance:      settings.RebalanceEnable.Get(s),
		allowRebalance: settings.AllowRebalance.Get(s),

		concurrentRebalance: settings.ClusterConcurrentRebalance.Get(s),
		incoming:            settings.NodeConcurrentIncomingRecoveries.Get(s),
		outgoing:            settings.NodeConcurrentOutgoingRecoveries.Get(s),
		initialPrimaries:    settings.NodeInitialPrimariesRecoveries.Get(s),

		sameHost:      settings.SameShardHost.Get(s),
		shardsPerNode: settings.ClusterShardsPerNode.Get(s),

		awareness: settings.AwarenessAttributes.Get(s),
		forced:    forcedValues(s),

		require: newFilters(s, settings.ClusterRequire, true),
		include: newFilters(s, settings.ClusterInclude, false),
		exclude: newFilters(s, settings.ClusterExclude, false),

		disk: newDiskSettings(s),
	}
	factors := [4]float32{
		settings.BalanceShard.Get(s), settings.BalanceIndex.Get(s),
		settings.BalanceWriteLoad.Get(s), settings.BalanceDiskUsage.Get(s),
	}
	c.filtered = !c.require.empty() || !c.include.empty() || !c.exclude.empty()
	sum := factors[0] + factors[1] + factors[2] + factors[3]
	for i, f := range factors {
		c.theta[i] = f / sum
	}
	return c
}

func newDiskSettings(s settings.Settings) diskSettings {
	return diskSettings{
		enabled: settings.DiskThresholdEnabled.Get(s),
		low:     settings.LowWatermark(s),
		high:    settings.HighWatermark(s),
	}
}

// forcedValues reads "…awareness.force.<attribute>.values".
func forcedValues(s settings.Settings) []settings.NamedValues {
	var out []settings.NamedValues
	for _, f := range settings.Under(s, settings.AwarenessForce) {
		const suffix = ".values"
		if n := len(f.Name) - len(suffix); n > 0 && f.Name[n:] == suffix {
			out = append(out, settings.NamedValues{Name: f.Name[:n], Values: f.Values})
		}
	}
	return out
}

// indexSettings are an index's settings and forecasts, read once per version of its metadata.
type indexSettings struct {
	priority        int
	enable          string // "" not set
	rebalance       string // "" not set
	shardsPerNode   int
	maxRetries      int
	delayNanos      int64
	ignoreWatermark bool
	expand          autoExpand

	require, include, exclude filters
	filtered                  bool // any of them is set
	// tiers are those preferred, the most wanted first.
	tiers []string

	writeLoad     float64
	forecastBytes int64 // -1 none
}

func newIndexSettings(m *state.Index) *indexSettings {
	s := m.Settings
	set := &indexSettings{
		priority:        settings.IndexPriority.Get(s),
		shardsPerNode:   settings.IndexShardsPerNode.Get(s),
		maxRetries:      settings.IndexMaxRetries.Get(s),
		delayNanos:      int64(settings.IndexDelayedTimeout.Get(s)),
		ignoreWatermark: settings.IndexIgnoreWatermarks.Get(s),
		expand:          newAutoExpand(s),
		require:         newFilters(s, settings.IndexRequire, true),
		include:         newFilters(s, settings.IndexInclude, false),
		exclude:         newFilters(s, settings.IndexExclude, false),
		tiers:           settings.IndexTierPreference.Get(s),
		forecastBytes:   -1,
	}
	set.filtered = !set.require.empty() || !set.include.empty() || !set.exclude.empty()
	if settings.IndexAllocationEnable.IsSet(s) {
		set.enable = settings.IndexAllocationEnable.Get(s)
	}
	if settings.IndexRebalanceEnable.IsSet(s) {
		set.rebalance = settings.IndexRebalanceEnable.Get(s)
	}
	if m.ForecastWriteLoad != nil {
		set.writeLoad = *m.ForecastWriteLoad
	}
	if m.ForecastShardBytes != nil {
		set.forecastBytes = *m.ForecastShardBytes
	}
	return set
}

// autoExpand is index.auto_expand_replicas: "0-1", "0-all" or "false".
type autoExpand struct {
	enabled  bool
	min, max int
	all      bool // up to every node
}

func newAutoExpand(s settings.Settings) autoExpand {
	text, _ := s.Get("index.auto_expand_replicas")
	low, high, ok := strings.Cut(text, "-")
	if !ok {
		return autoExpand{}
	}
	e := autoExpand{all: high == "all"}
	var err, err2 error
	e.min, err = strconv.Atoi(low)
	if !e.all {
		e.max, err2 = strconv.Atoi(high)
	}
	e.enabled = err == nil && err2 == nil
	return e
}
