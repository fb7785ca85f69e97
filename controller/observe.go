package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/clock"
)

// allocationCache shares one look at all shards between the controller's loops:
// they wake at the same moments, and the answer is megabytes on a large cluster.
type allocationCache struct {
	client *Client
	clock  clock.Clock
	lock   clock.Mutex // held over the call: who comes second waits for the first

	mu     sync.Mutex
	known  bool
	at     time.Duration
	shards []ShardInfo
}

func newAllocationCache(client *Client, clk clock.Clock) *allocationCache {
	return &allocationCache{client: client, clock: clk, lock: clk.NewMutex()}
}

// get returns the allocation as it was at most maxAge ago.
func (a *allocationCache) get(ctx context.Context, maxAge time.Duration) ([]ShardInfo, error) {
	if err := a.lock.Lock(ctx); err != nil {
		return nil, err
	}
	defer a.lock.Unlock()
	if shards, ok := a.recent(maxAge); ok {
		return shards, nil
	}
	at := a.clock.Monotonic()
	shards, err := a.client.GetShardAllocation(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known, a.at, a.shards = true, at, shards
	return shards, nil
}

func (a *allocationCache) recent(maxAge time.Duration) ([]ShardInfo, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shards, a.known && a.clock.Monotonic()-a.at <= maxAge
}

// observer gathers what policies decide on.
type observer struct {
	client     *Client
	clock      clock.Clock
	allocation *allocationCache
	maxAge     time.Duration
	load       *loadMeter
	loadAge    time.Duration // how old a look at the load may be
	distance   policy.Distance
	offPeak    func(time.Time) bool // nil: no windows
	log        logger

	mu         sync.Mutex
	loadFailed bool // said so already
	// counted is what was made of the list of shards that it was last made of.
	countedOf []ShardInfo
	counted   policy.Observation
}

// distribution is [distribution], made anew only when the list is another one than the
// last. The copies are shared: don't modify them.
func (o *observer) distribution(shards []ShardInfo) policy.Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !sameShards(o.countedOf, shards) {
		o.countedOf, o.counted = shards, distribution(shards)
	}
	obs := o.counted
	obs.Nodes = slices.Clone(obs.Nodes)
	return obs
}

// observe looks at the cluster. An error means that the distribution of shards is
// not known; loads that can't be measured are only missing.
func (o *observer) observe(ctx context.Context, needs policy.Needs) (policy.Observation, error) {
	var obs policy.Observation
	stats, err := o.client.GetClusterStats(ctx)
	if err != nil {
		return obs, fmt.Errorf("cluster stats: %w", err)
	}
	health, err := o.client.GetClusterHealth(ctx)
	if err != nil {
		return obs, fmt.Errorf("cluster health: %w", err)
	}
	shards, err := o.allocation.get(ctx, o.maxAge)
	if err != nil {
		return obs, fmt.Errorf("shard allocation: %w", err)
	}
	obs = o.distribution(shards)
	obs.At = o.clock.Monotonic()
	obs.Shards = stats.Shards
	obs.DataNodes = max(health.DataNodes, len(obs.Nodes))
	if needs.Load || needs.Disk || needs.Bytes {
		obs.Copies = slices.Clone(obs.Copies) // loads are filled in
		o.addLoad(ctx, &obs, needs)
	}
	obs.Distance = o.distance
	obs.Peak = o.offPeak != nil && !o.offPeak(o.clock.Now())
	if policy.Tiered(obs.Nodes) {
		if obs.Tiers, err = o.tiers(ctx); err != nil {
			return obs, fmt.Errorf("tiers of indices: %w", err)
		}
	}
	return obs, nil
}

// tierPreference is the setting that says which data tiers an index prefers.
const tierPreference = "index.routing.allocation.include._tier_preference"

// tiers are the data tiers that indices prefer.
func (o *observer) tiers(ctx context.Context) (map[string][]string, error) {
	settings, err := o.client.GetIndexSettings(ctx, tierPreference)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]string, len(settings))
	for _, s := range settings {
		for _, tier := range strings.Split(s.Values[tierPreference], ",") {
			if tier = strings.TrimSpace(tier); tier != "" {
				out[s.Index] = append(out[s.Index], tier)
			}
		}
	}
	return out, nil
}

// addLoad fills in loads, disks and sizes. What can't be had stays zero, with
// LoadKnown false; that is said once in the log, and again when it works.
//
// Rates need time between two looks; a disk fills in the meantime, so how full the disks
// are is asked anew every time.
func (o *observer) addLoad(ctx context.Context, obs *policy.Observation, needs policy.Needs) {
	l, err := o.load.get(ctx, o.loadAge)
	var nodes []NodeStats
	if err == nil && needs.Disk && l.at < o.clock.Monotonic() {
		nodes, err = o.client.GetNodeStats(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	switch failed := o.swapLoadFailed(err != nil); {
	case err != nil && !failed:
		o.log.warnf(ctx, "Load of shards and nodes is not known: %v", err)
	case err == nil && failed:
		o.log.infof(ctx, "Load of shards and nodes is known again")
	}
	if err == nil {
		l.describe(obs)
		addNodes(obs, nodes)
	}
}

// swapLoadFailed notes whether the load could not be had, and returns the note before.
func (o *observer) swapLoadFailed(failed bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.loadFailed
	o.loadFailed = failed
	return before
}

// distribution counts shard copies per node. A relocating copy counts where it is
// going to be, as Elasticsearch's own balancer has it.
func distribution(shards []ShardInfo) policy.Observation {
	obs := policy.Observation{Copies: make([]policy.Copy, 0, len(shards))}
	counts := map[string]int{}
	for _, s := range shards {
		switch s.State {
		case StateUnassigned:
			obs.Unassigned++
			continue
		case StateInitializing:
			obs.Initializing++
		case StateRelocating:
			obs.Relocating++
		}
		node := cmp.Or(s.RelocatingTo, s.Node)
		counts[node]++
		if node != s.Node {
			counts[s.Node] += 0 // a node that is about to lose its last shard still counts
		}
		obs.Copies = append(obs.Copies, policy.Copy{
			Index: s.Index, Shard: s.Shard, Primary: s.Primary, Node: node,
			Moving: s.State != StateStarted,
		})
	}
	obs.Shards = len(obs.Copies)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		obs.Nodes = append(obs.Nodes, policy.Node{Name: name, Shards: counts[name]})
	}
	return obs
}
