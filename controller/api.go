package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Columns of _cat/shards. The light ones say where copies are, the rest costs the
// cluster a look into every copy.
func lightColumns() []string {
	return []string{"index", "shard", "prirep", "state", "node", "unassigned.reason"}
}

func statColumns() []string {
	return []string{
		"docs", "store", "seq_no.max", "seq_no.local_checkpoint", "seq_no.global_checkpoint",
		"search.query_total", "search.query_time", "get.total", "get.time", "indexing.index_total", "indexing.index_time",
	}
}

// GetShardAllocation lists every copy of every shard, sorted by index, shard,
// primary first, node. Documents, sizes and sequence numbers are not asked for.
func (c *Client) GetShardAllocation(ctx context.Context) ([]ShardInfo, error) {
	body, err := c.call(ctx, "cat.shards", idempotent, get("_cat", "shards").with("format", "json").list("h", lightColumns()...))
	if err != nil {
		return nil, err
	}
	shards, unchanged, err := c.shards.parse(body, parseShards)
	c.countUnchanged(unchanged)
	return shards, err
}

// GetShardDetails lists the copies of the indices named (of all, when none is) with
// documents, sizes, sequence numbers and counters.
func (c *Client) GetShardDetails(ctx context.Context, indices ...string) ([]ShardInfo, error) {
	columns := append(lightColumns(), statColumns()...)
	body, err := c.call(ctx, "cat.shards", idempotent, get("_cat", "shards", strings.Join(indices, ",")).with("format", "json", "bytes", "b", "time", "ms").list("h", columns...))
	if err != nil {
		return nil, err
	}
	if len(indices) > 0 {
		return parseShards(body)
	}
	shards, unchanged, err := c.details.parse(body, parseShards)
	c.countUnchanged(unchanged)
	return shards, err
}

// GetRecoveryStatus lists the recoveries that are going on, sorted by index, shard
// and target node.
func (c *Client) GetRecoveryStatus(ctx context.Context) ([]ShardRecovery, error) {
	body, err := c.call(ctx, "indices.recovery", idempotent, get("_recovery").with("active_only", "true").list("filter_path", recoveryPaths()...))
	if err != nil {
		return nil, err
	}
	recoveries, unchanged, err := c.recovery.parse(body, parseShardRecovery)
	c.countUnchanged(unchanged)
	return recoveries, err
}

// GetClusterStats returns totals of the cluster. Elasticsearch asks every node for
// them and waits for the silent ones.
func (c *Client) GetClusterStats(ctx context.Context) (ClusterStats, error) {
	body, err := c.call(ctx, "cluster.stats", idempotent, get("_cluster", "stats").list("filter_path", statsPaths()...))
	if err != nil {
		return ClusterStats{}, err
	}
	return parseClusterStats(body)
}

// GetClusterHealth returns the master's view of the cluster.
func (c *Client) GetClusterHealth(ctx context.Context) (ClusterHealth, error) {
	body, err := c.call(ctx, "cluster.health", idempotent, get("_cluster", "health"))
	if err != nil {
		return ClusterHealth{}, err
	}
	return parseHealth(body)
}

// FindMaster asks the nodes whether there is a master, one after the other and without
// waiting for one as other calls do, until one says so. The error is an *APIError of type
// master_not_discovered_exception where some answer and none of them finds one.
func (c *Client) FindMaster(ctx context.Context) error {
	var last error
	for _, node := range c.nodes {
		_, err := c.attempt(ctx, "cluster.health", node, get("_cluster", "health").with("master_timeout", "1000ms"))
		c.count(err)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var api *APIError
		if last == nil || errors.As(err, &api) {
			last = err
		}
	}
	return last
}

// parseHealth reads GET /_cluster/health. While the cluster's state is not recovered, the
// percentage is one of nothing, which Elasticsearch writes as "NaN"; nothing is known of
// any index then, so such a moment is red whatever else the answer says.
func parseHealth(body []byte) (ClusterHealth, error) {
	var a struct {
		ClusterHealth
		Percent json.RawMessage `json:"active_shards_percent_as_number"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return ClusterHealth{}, fmt.Errorf("cluster health: %w", err)
	}
	h := a.ClusterHealth
	if string(a.Percent) == `"NaN"` {
		h.Status = "red"
		return h, nil
	}
	if len(a.Percent) > 0 {
		if err := json.Unmarshal(a.Percent, &h.ActiveShardsPercent); err != nil {
			return ClusterHealth{}, fmt.Errorf("cluster health: active_shards_percent_as_number: %w", err)
		}
	}
	return h, nil
}

// ClusterSettings are cluster-wide settings by key; a nil value takes a setting away.
type ClusterSettings struct {
	Persistent map[string]*string `json:"persistent,omitempty"`
	Transient  map[string]*string `json:"transient,omitempty"`
}

// UpdateClusterSettings changes cluster-wide settings. Elasticsearch takes all of
// them or none.
func (c *Client) UpdateClusterSettings(ctx context.Context, s ClusterSettings) error {
	request, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("cluster settings: %w", err)
	}
	body, err := c.call(ctx, "cluster.put_settings", once, put("_cluster", "settings").json(request))
	if err != nil {
		return err
	}
	var answer struct {
		Acknowledged bool `json:"acknowledged"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("cluster settings: %w", err)
	}
	if !answer.Acknowledged {
		return errors.New("cluster settings: published, but not acknowledged by every node in time")
	}
	return nil
}

// SettingsInForce are all cluster-wide settings by key, by where they come from.
type SettingsInForce struct {
	Persistent map[string]string
	Transient  map[string]string
	Defaults   map[string]string // and those of elasticsearch.yml
}

// Effective is the value that holds: transient before persistent before default.
func (s SettingsInForce) Effective(key string) string {
	if v, ok := s.Transient[key]; ok {
		return v
	}
	if v, ok := s.Persistent[key]; ok {
		return v
	}
	return s.Defaults[key]
}

// GetClusterSettings reads all cluster-wide settings with their defaults.
func (c *Client) GetClusterSettings(ctx context.Context) (SettingsInForce, error) {
	body, err := c.call(ctx, "cluster.get_settings", idempotent, get("_cluster", "settings").with("flat_settings", "true", "include_defaults", "true"))
	if err != nil {
		return SettingsInForce{}, err
	}
	settings, unchanged, err := c.settings.parse(body, parseSettings)
	c.countUnchanged(unchanged)
	return settings, err
}

func parseSettings(body []byte) (SettingsInForce, error) {
	var a struct {
		Persistent, Transient, Defaults map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return SettingsInForce{}, fmt.Errorf("cluster settings: %w", err)
	}
	return SettingsInForce{plain(a.Persistent), plain(a.Transient), plain(a.Defaults)}, nil
}

// plain turns values into strings. Lists stay as they are written in JSON.
func plain(raw map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(raw))
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		var s string
		if json.Unmarshal(raw[key], &s) != nil {
			s = string(raw[key])
		}
		out[key] = s
	}
	return out
}

func (c *Client) countUnchanged(unchanged bool) {
	if !unchanged {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Unchanged++
}
