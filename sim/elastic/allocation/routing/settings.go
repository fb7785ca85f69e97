package routing

import (
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ClusterSettings are the cluster's settings, read once per pass.
type ClusterSettings struct {
	DesiredBalance bool

	// Theta are the weight's factors, each over their sum: shards, shards of the
	// index, write load, disk usage.
	Theta     [4]float32
	Threshold float32

	Enable         string
	Rebalance      string
	AllowRebalance string

	ConcurrentRebalance int
	Incoming, Outgoing  int
	InitialPrimaries    int

	SameHost      bool
	ShardsPerNode int

	Awareness []string
	Forced    []settings.NamedValues

	Require, Include, Exclude Filters
	Filtered                  bool // any of them is set

	Disk DiskSettings
}

// DiskSettings are the watermarks.
type DiskSettings struct {
	Enabled   bool
	Low, High settings.Watermark
}

func newClusterSettings(s settings.Settings) *ClusterSettings {
	c := &ClusterSettings{
		DesiredBalance: settings.AllocationType.Get(s) == settings.DesiredBalance,
		Threshold:      max(1, settings.BalanceThreshold.Get(s)),

		Enable:         settings.AllocationEnable.Get(s),
		Rebalance:      settings.RebalanceEnable.Get(s),
		AllowRebalance: settings.AllowRebalance.Get(s),

		ConcurrentRebalance: settings.ClusterConcurrentRebalance.Get(s),
		Incoming:            settings.NodeConcurrentIncomingRecoveries.Get(s),
		Outgoing:            settings.NodeConcurrentOutgoingRecoveries.Get(s),
		InitialPrimaries:    settings.NodeInitialPrimariesRecoveries.Get(s),

		SameHost:      settings.SameShardHost.Get(s),
		ShardsPerNode: settings.ClusterShardsPerNode.Get(s),

		Awareness: settings.AwarenessAttributes.Get(s),
		Forced:    forcedValues(s),

		Require: newFilters(s, settings.ClusterRequire, true),
		Include: newFilters(s, settings.ClusterInclude, false),
		Exclude: newFilters(s, settings.ClusterExclude, false),

		Disk: newDiskSettings(s),
	}
	factors := [4]float32{
		settings.BalanceShard.Get(s), settings.BalanceIndex.Get(s),
		settings.BalanceWriteLoad.Get(s), settings.BalanceDiskUsage.Get(s),
	}
	c.Filtered = !c.Require.Empty() || !c.Include.Empty() || !c.Exclude.Empty()
	sum := factors[0] + factors[1] + factors[2] + factors[3]
	for i, f := range factors {
		c.Theta[i] = f / sum
	}
	return c
}

func newDiskSettings(s settings.Settings) DiskSettings {
	return DiskSettings{
		Enabled: settings.DiskThresholdEnabled.Get(s),
		Low:     settings.LowWatermark(s),
		High:    settings.HighWatermark(s),
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

// IndexSettings are an index's settings and forecasts, read once per version of its metadata.
type IndexSettings struct {
	priority        int
	Enable          string // "" not set
	Rebalance       string // "" not set
	ShardsPerNode   int
	MaxRetries      int
	DelayNanos      int64
	IgnoreWatermark bool
	Expand          AutoExpand

	Require, Include, Exclude Filters
	Filtered                  bool // any of them is set
	// Tiers are those preferred, the most wanted first.
	Tiers []string

	WriteLoad     float64
	ForecastBytes int64 // -1 none
}

func newIndexSettings(m *state.Index) *IndexSettings {
	s := m.Settings
	set := &IndexSettings{
		priority:        settings.IndexPriority.Get(s),
		ShardsPerNode:   settings.IndexShardsPerNode.Get(s),
		MaxRetries:      settings.IndexMaxRetries.Get(s),
		DelayNanos:      int64(settings.IndexDelayedTimeout.Get(s)),
		IgnoreWatermark: settings.IndexIgnoreWatermarks.Get(s),
		Expand:          NewAutoExpand(s),
		Require:         newFilters(s, settings.IndexRequire, true),
		Include:         newFilters(s, settings.IndexInclude, false),
		Exclude:         newFilters(s, settings.IndexExclude, false),
		Tiers:           settings.IndexTierPreference.Get(s),
		ForecastBytes:   -1,
	}
	set.Filtered = !set.Require.Empty() || !set.Include.Empty() || !set.Exclude.Empty()
	if settings.IndexAllocationEnable.IsSet(s) {
		set.Enable = settings.IndexAllocationEnable.Get(s)
	}
	if settings.IndexRebalanceEnable.IsSet(s) {
		set.Rebalance = settings.IndexRebalanceEnable.Get(s)
	}
	if m.ForecastWriteLoad != nil {
		set.WriteLoad = *m.ForecastWriteLoad
	}
	if m.ForecastShardBytes != nil {
		set.ForecastBytes = *m.ForecastShardBytes
	}
	return set
}

// AutoExpand is index.auto_expand_replicas: "0-1", "0-all" or "false".
type AutoExpand struct {
	Enabled  bool
	Min, Max int
	All      bool // up to every node
}

func NewAutoExpand(s settings.Settings) AutoExpand {
	text, _ := s.Get("index.auto_expand_replicas")
	low, high, ok := strings.Cut(text, "-")
	if !ok {
		return AutoExpand{}
	}
	e := AutoExpand{All: high == "all"}
	var err, err2 error
	e.Min, err = strconv.Atoi(low)
	if !e.All {
		e.Max, err2 = strconv.Atoi(high)
	}
	e.Enabled = err == nil && err2 == nil
	return e
}
