package settings

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The allocators (cluster.routing.allocation.type).
const (
	DesiredBalance = "desired_balance"
	Balanced       = "balanced"
)

// enumError is what Java's Enum.valueOf says of a name it does not know.
func enumError(class string) func(key, text string) error {
	return func(_, text string) error {
		return fmt.Errorf("No enum constant org.elasticsearch.cluster.routing.allocation.decider.%s.%s", class, strings.ToUpper(text)) //nolint:staticcheck // Elasticsearch's text
	}
}

// illegalAllowRebalance is the error for an unknown allow_rebalance.
func illegalAllowRebalance(key, text string) error {
	return fmt.Errorf(`Illegal value for {
  "key" : "%s",
  "properties" : [
    "Dynamic",
    "NodeScope"
  ],
  "is_group_setting" : false,
  "default" : "always"
}: %s`, key, text) //nolint:staticcheck // Elasticsearch's text
}

func parseAllowRebalance(key, text string) (string, error) {
	switch lower := strings.ToLower(text); lower {
	case "always", "indices_primaries_active", "indices_all_active":
		return lower, nil
	case "indicesprimariesactive":
		return "indices_primaries_active", nil
	case "indicesallactive":
		return "indices_all_active", nil
	}
	return "", illegalAllowRebalance(key, text)
}

// cluster and index make definitions of the two scopes, all of them dynamic.
func cluster[T any](key, def string, parse func(key, text string) (T, error)) *Setting[T] {
	return &Setting[T]{key: key, scope: Node | Dynamic, def: Fixed(def), parse: parse}
}

func perIndex[T any](key, def string, parse func(key, text string) (T, error)) *Setting[T] {
	return &Setting[T]{key: key, scope: Index | Dynamic, def: Fixed(def), parse: parse}
}

func group(prefix string, scope Scope) *Setting[[]string] {
	return &Setting[[]string]{key: prefix, group: true, scope: scope | Dynamic, def: Fixed(""), parse: ParseList}
}

func recoveries(key string) *Setting[int] {
	return &Setting[int]{key: key, scope: Node | Dynamic, def: Follow(NodeConcurrentRecoveries), parse: ParseInt(0, math.MaxInt32)}
}

// headroom is a watermark's max_headroom: without limit once the watermark itself is set.
func headroom(watermark *Setting[Relative], def string) *Setting[int64] {
	return &Setting[int64]{
		key: watermark.key + ".max_headroom", scope: Node | Dynamic, parse: ParseBytes,
		def: func(s Settings) string {
			if watermark.IsSet(s) {
				return "-1"
			}
			return def
		},
	}
}

// The settings of the allocator, with Elasticsearch's names in their keys.
var (
	AllocationType = &Setting[string]{key: "cluster.routing.allocation.type", scope: Node, def: Fixed(DesiredBalance), parse: ParseString}

	BalanceShard     = cluster("cluster.routing.allocation.balance.shard", "0.45", ParseFloat(0))
	BalanceIndex     = cluster("cluster.routing.allocation.balance.index", "0.55", ParseFloat(0))
	BalanceWriteLoad = cluster("cluster.routing.allocation.balance.write_load", "10.0", ParseFloat(0))
	BalanceDiskUsage = cluster("cluster.routing.allocation.balance.disk_usage", "2.0E-11", ParseFloat(0))
	// BalanceThreshold below 1 counts as 1 (deprecated in Elasticsearch).
	BalanceThreshold = cluster("cluster.routing.allocation.balance.threshold", "1.0", ParseFloat(0))

	AllocationEnable = cluster("cluster.routing.allocation.enable", "all",
		ParseEnum(enumError("EnableAllocationDecider.Allocation"), "none", "new_primaries", "primaries", "all"))
	RebalanceEnable = cluster("cluster.routing.rebalance.enable", "all",
		ParseEnum(enumError("EnableAllocationDecider.Rebalance"), "none", "primaries", "replicas", "all"))
	// AllowRebalance defaults to always with the desired balance, else to indices_all_active.
	AllowRebalance = &Setting[string]{
		key: "cluster.routing.allocation.allow_rebalance", scope: Node | Dynamic, parse: parseAllowRebalance,
		def: func(s Settings) string {
			if AllocationType.Get(s) == DesiredBalance {
				return "always"
			}
			return "indices_all_active"
		},
	}
	ClusterConcurrentRebalance = cluster("cluster.routing.allocation.cluster_concurrent_rebalance", "2", ParseInt(-1, math.MaxInt32))

	NodeConcurrentRecoveries         = cluster("cluster.routing.allocation.node_concurrent_recoveries", "2", ParseInt(0, math.MaxInt32))
	NodeConcurrentIncomingRecoveries = recoveries("cluster.routing.allocation.node_concurrent_incoming_recoveries")
	NodeConcurrentOutgoingRecoveries = recoveries("cluster.routing.allocation.node_concurrent_outgoing_recoveries")
	NodeInitialPrimariesRecoveries   = cluster("cluster.routing.allocation.node_initial_primaries_recoveries", "4", ParseInt(0, math.MaxInt32))

	SameShardHost           = cluster("cluster.routing.allocation.same_shard.host", "false", ParseBool)
	ClusterShardsPerNode    = cluster("cluster.routing.allocation.total_shards_per_node", "-1", ParseInt(-1, math.MaxInt32))
	AwarenessAttributes     = cluster("cluster.routing.allocation.awareness.attributes", "", ParseList)
	AwarenessForce          = group("cluster.routing.allocation.awareness.force.", Node)
	ClusterRequire          = group("cluster.routing.allocation.require.", Node)
	ClusterInclude          = group("cluster.routing.allocation.include.", Node)
	ClusterExclude          = group("cluster.routing.allocation.exclude.", Node)
	DiskThresholdEnabled    = cluster("cluster.routing.allocation.disk.threshold_enabled", "true", ParseBool)
	DiskLow                 = cluster("cluster.routing.allocation.disk.watermark.low", "85%", ParseRelative)
	DiskLowHeadroom         = headroom(DiskLow, "200GB")
	DiskHigh                = cluster("cluster.routing.allocation.disk.watermark.high", "90%", ParseRelative)
	DiskHighHeadroom        = headroom(DiskHigh, "150GB")
	DiskFlood               = cluster("cluster.routing.allocation.disk.watermark.flood_stage", "95%", ParseRelative)
	DiskFloodHeadroom       = headroom(DiskFlood, "100GB")
	DiskFrozenFlood         = cluster("cluster.routing.allocation.disk.watermark.flood_stage.frozen", "95%", ParseRelative)
	DiskFrozenFloodHeadroom = headroom(DiskFrozenFlood, "20GB")
	DiskRerouteInterval     = cluster("cluster.routing.allocation.disk.reroute_interval", "60s", ParseTimeIn(0, NoTimeLimit))
	DesiredBalanceMaxTime   = cluster("cluster.routing.allocation.desired_balance.max_balance_computation_time_during_index_creation", "1s", ParseTime)

	IndexAllocationEnable = perIndex("index.routing.allocation.enable", "all",
		ParseEnum(enumError("EnableAllocationDecider.Allocation"), "none", "new_primaries", "primaries", "all"))
	IndexRebalanceEnable = perIndex("index.routing.rebalance.enable", "all",
		ParseEnum(enumError("EnableAllocationDecider.Rebalance"), "none", "primaries", "replicas", "all"))
	IndexRequire = group("index.routing.allocation.require.", Index)
	IndexInclude = group("index.routing.allocation.include.", Index)
	IndexExclude = group("index.routing.allocation.exclude.", Index)
	// IndexTierPreference are the tiers an index is to lie on, the most wanted first.
	IndexTierPreference = perIndex("index.routing.allocation.include._tier_preference", "", parseTiers)
	IndexShardsPerNode  = perIndex("index.routing.allocation.total_shards_per_node", "-1", ParseInt(-1, math.MaxInt32))
	IndexMaxRetries     = perIndex("index.allocation.max_retries", "5", ParseInt(0, math.MaxInt32))
	IndexPriority       = perIndex("index.priority", "1", ParseInt(0, math.MaxInt32))
	// IndexIgnoreWatermarks is private to Elasticsearch: searchable snapshots set it.
	IndexIgnoreWatermarks = &Setting[bool]{key: "index.routing.allocation.disk.watermark.ignore", scope: Index, def: Fixed("false"), parse: ParseBool}
	IndexDelayedTimeout   = perIndex("index.unassigned.node_left.delayed_timeout", "1m", ParseTimeIn(0, NoTimeLimit))
)

// allocationDefinitions is this file's part of the table.
func allocationDefinitions() []Definition {
	return []Definition{
		AllocationType, BalanceShard, BalanceIndex, BalanceWriteLoad, BalanceDiskUsage, BalanceThreshold,
		AllocationEnable, RebalanceEnable, AllowRebalance, ClusterConcurrentRebalance,
		NodeConcurrentRecoveries, NodeConcurrentIncomingRecoveries, NodeConcurrentOutgoingRecoveries,
		NodeInitialPrimariesRecoveries, SameShardHost, ClusterShardsPerNode, AwarenessAttributes, AwarenessForce,
		ClusterRequire, ClusterInclude, ClusterExclude, DiskThresholdEnabled,
		DiskLow, DiskLowHeadroom, DiskHigh, DiskHighHeadroom, DiskFlood, DiskFloodHeadroom,
		DiskFrozenFlood, DiskFrozenFloodHeadroom, DiskRerouteInterval, DesiredBalanceMaxTime,
		IndexAllocationEnable, IndexRebalanceEnable, IndexRequire, IndexInclude, IndexExclude,
		IndexTierPreference, IndexShardsPerNode, IndexMaxRetries, IndexPriority, IndexIgnoreWatermarks, IndexDelayedTimeout,
	}
}

// Under returns the settings below a group, as name and list of values, by name.
// Empty lists, which clear a filter, are left out.
func Under(s Settings, group *Setting[[]string]) []NamedValues {
	var out []NamedValues
	for _, key := range s.Keys() {
		name, ok := strings.CutPrefix(key, group.key)
		if !ok {
			continue
		}
		text, _ := s.Get(key)
		if values, _ := ParseList(key, text); len(values) > 0 {
			out = append(out, NamedValues{Name: name, Values: values})
		}
	}
	return out
}

// NamedValues is one entry of a group.
type NamedValues struct {
	Name   string
	Values []string
}

// CheckDisk checks the watermarks against each other, after a change, as
// Elasticsearch does (DiskThresholdSettings.WatermarkValidator, MaxHeadroomValidator).
func CheckDisk(s Settings) error {
	low, high, flood := DiskLow.Get(s), DiskHigh.Get(s), DiskFlood.Get(s)
	if err := checkWatermarks(low, high, flood); err != nil {
		return err
	}
	for _, h := range []*Setting[int64]{DiskLowHeadroom, DiskHighHeadroom, DiskFloodHeadroom, DiskFrozenFloodHeadroom} {
		if h.IsSet(s) && h.Get(s) == -1 {
			return errors.New("setting a headroom value to less than 0 is not supported")
		}
	}
	lowRoom, highRoom, floodRoom := DiskLowHeadroom.Get(s), DiskHighHeadroom.Get(s), DiskFloodHeadroom.Get(s)
	if !low.Ratio && (lowRoom != -1 || highRoom != -1 || floodRoom != -1) {
		return fmt.Errorf("At least one of the disk max headroom settings is set [low=%s, high=%s, flood=%s], while the disk watermark values "+
			"are set to absolute values instead of ratios/percentages, e.g., the low watermark is [%s]", //nolint:staticcheck // Elasticsearch's text
			BytesText(lowRoom), BytesText(highRoom), BytesText(floodRoom), low.Text())
	}
	if frozen, room := DiskFrozenFlood.Get(s), DiskFrozenFloodHeadroom.Get(s); !frozen.Ratio && room != -1 {
		return fmt.Errorf("The frozen flood stage disk max headroom setting is set [%s], while the frozen flood stage disk watermark setting "+
			"is set to an absolute value instead of a ratio/percentage [%s]", BytesText(room), frozen.Text()) //nolint:staticcheck // Elasticsearch's text
	}
	return checkHeadrooms(lowRoom, highRoom, floodRoom)
}

func checkWatermarks(low, high, flood Relative) error {
	switch {
	case low.Ratio && high.Ratio && flood.Ratio:
		if low.Percent > high.Percent {
			return fmt.Errorf("low disk watermark [%s] more than high disk watermark [%s]", low.Text(), high.Text())
		}
		if high.Percent > flood.Percent {
			return fmt.Errorf("high disk watermark [%s] more than flood stage disk watermark [%s]", high.Text(), flood.Text())
		}
	case !low.Ratio && !high.Ratio && !flood.Ratio:
		if low.Bytes < high.Bytes {
			return fmt.Errorf("low disk watermark [%s] less than high disk watermark [%s]", low.Text(), high.Text())
		}
		if high.Bytes < flood.Bytes {
			return fmt.Errorf("high disk watermark [%s] less than flood stage disk watermark [%s]", high.Text(), flood.Text())
		}
	default:
		return fmt.Errorf("unable to consistently parse [%s=%s], [%s=%s], and [%s=%s] as percentage or bytes",
			DiskLow.key, low.Text(), DiskHigh.key, high.Text(), DiskFlood.key, flood.Text())
	}
	return nil
}

func checkHeadrooms(low, high, flood int64) error {
	switch {
	case low != -1 && high == -1:
		return fmt.Errorf("high disk max headroom [-1] is not set, while the low disk max headroom is set [%s]", BytesText(low))
	case high != -1 && flood == -1:
		return fmt.Errorf("flood disk max headroom [-1] is not set, while the high disk max headroom is set [%s]", BytesText(high))
	case high > low && low != -1:
		return fmt.Errorf("high disk max headroom [%s] more than low disk max headroom [%s]", BytesText(high), BytesText(low))
	case flood > high && high != -1:
		return fmt.Errorf("flood disk max headroom [%s] more than high disk max headroom [%s]", BytesText(flood), BytesText(high))
	}
	return nil
}

// CheckAllocation checks settings that are all the allocator's, of one scope, with
// Elasticsearch's messages; keys in others are none of its business. What no
// definition covers is an error.
func CheckAllocation(s Settings, scope Scope, others []string) error {
	for _, key := range s.Keys() {
		if slices.Contains(others, key) {
			continue
		}
		d := allocationDefinition(key, scope)
		if d == nil {
			return fmt.Errorf("unknown setting [%s]", key)
		}
		text, _ := s.Get(key)
		if err := d.Check(text); err != nil {
			return err
		}
	}
	if scope&Index != 0 {
		return nil
	}
	if err := CheckDisk(s); err != nil {
		return err
	}
	return CheckBalance(s)
}

// CheckBalance refuses factors that leave nothing to balance by.
func CheckBalance(s Settings) error {
	if sum := BalanceShard.Get(s) + BalanceIndex.Get(s) + BalanceWriteLoad.Get(s) + BalanceDiskUsage.Get(s); sum <= 0 {
		return fmt.Errorf("Balance factors must sum to a value > 0 but was: %s", JavaFloat(sum)) //nolint:staticcheck // Elasticsearch's text
	}
	return nil
}

func allocationDefinition(key string, scope Scope) Definition {
	for _, d := range allocationDefinitions() {
		name, ok := strings.CutPrefix(key, d.Key())
		if d.Scope()&scope != 0 && (key == d.Key() || d.Group() && ok && name != "") {
			return d
		}
	}
	return nil
}
