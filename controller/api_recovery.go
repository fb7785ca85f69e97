package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The answers of allocation explain to whether an unassigned copy can go somewhere.
const (
	CanAllocateYes         = "yes"
	CanAllocateNo          = "no"
	CanAllocateThrottled   = "throttled"
	CanAllocateDelayed     = "allocation_delayed"
	CanAllocateAwaiting    = "awaiting_info"
	CanAllocateNoValidCopy = "no_valid_shard_copy"
)

// AllocationExplanation says why an unassigned copy is where it is: nowhere.
type AllocationExplanation struct {
	Index   string
	Shard   int
	Primary bool
	State   string // unassigned, initializing, started, relocating
	// Reason why it became unassigned, since when, and after how many failed attempts.
	Reason         string
	Since          time.Time
	FailedAttempts int
	Details        string // of the last failure; "" when there was none
	CanAllocate    string // one of the CanAllocate constants
	Text           string // Elasticsearch's own sentence
	RemainingDelay time.Duration
	Nodes          []NodeVerdict // sorted by name

	// Of a copy that has a node: which, whether it may stay there and what says that it may
	// not, and whether another would take it.
	Node      string
	CanRemain string
	Remain    []Objection
	CanMove   string
}

// NodeVerdict is what a node means for the copy.
type NodeVerdict struct {
	Node     string
	Decision string // yes, no, throttled, …
	// HasStore is whether the node was found to hold a copy on disk; InSync whether that
	// copy has every acknowledged write. StoreError says why it can't be used.
	HasStore, InSync bool
	StoreError       string
	Objections       []Objection // of deciders that said no or wait
	Attributes       map[string]string
}

// Objection is one decider's no.
type Objection struct{ Decider, Decision, Text string }

// explainAnswer is the part of the answer that is used.
type explainAnswer struct {
	Index      string `json:"index"`
	Shard      int    `json:"shard"`
	Primary    bool   `json:"primary"`
	State      string `json:"current_state"`
	Unassigned struct {
		Reason   string    `json:"reason"`
		At       time.Time `json:"at"`
		Attempts int       `json:"failed_allocation_attempts"`
		Details  string    `json:"details"`
	} `json:"unassigned_info"`
	Can       string `json:"can_allocate"`
	Text      string `json:"allocate_explanation"`
	Remaining int64  `json:"remaining_delay_in_millis"`
	Current   struct {
		Name string `json:"name"`
	} `json:"current_node"`
	CanRemain string         `json:"can_remain_on_current_node"`
	Remain    []decidersText `json:"can_remain_decisions"`
	CanMove   string         `json:"can_move_to_other_node"`
	MoveText  string         `json:"move_explanation"`
	Nodes     []struct {
		Name       string            `json:"node_name"`
		Attributes map[string]string `json:"node_attributes"`
		Decision   string            `json:"node_decision"`
		Store      *struct {
			Found     *bool           `json:"found"`
			InSync    bool            `json:"in_sync"`
			Exception json.RawMessage `json:"store_exception"`
			// Matching counts bytes equal to the primary's, of a replica.
			Matching int64  `json:"matching_size_in_bytes"`
			ID       string `json:"allocation_id"`
		} `json:"store"`
		Deciders []decidersText `json:"deciders"`
	} `json:"node_allocation_decisions"`
}

// decidersText is one decider's word.
type decidersText struct {
	Decider  string `json:"decider"`
	Decision string `json:"decision"`
	Text     string `json:"explanation"`
}

// objections are those that say no or wait.
func objections(all []decidersText) []Objection {
	var out []Objection
	for _, d := range all {
		if d.Decision == "NO" || d.Decision == "THROTTLE" {
			out = append(out, Objection(d))
		}
	}
	return out
}

// ExplainAllocation asks why a copy is not assigned.
func (c *Client) ExplainAllocation(ctx context.Context, index string, shard int, primary bool) (AllocationExplanation, error) {
	return c.explainAllocation(ctx, map[string]any{"index": index, "shard": shard, "primary": primary})
}

// ExplainCopy asks why the copy on a node stays there or goes.
func (c *Client) ExplainCopy(ctx context.Context, index string, shard int, primary bool, node string) (AllocationExplanation, error) {
	return c.explainAllocation(ctx, map[string]any{"index": index, "shard": shard, "primary": primary, "current_node": node})
}

func (c *Client) explainAllocation(ctx context.Context, copy map[string]any) (AllocationExplanation, error) {
	request, err := json.Marshal(copy)
	if err != nil {
		return AllocationExplanation{}, fmt.Errorf("allocation explain: %w", err)
	}
	body, err := c.call(ctx, "cluster.allocation_explain", idempotent, post("_cluster", "allocation", "explain").json(request))
	if err != nil {
		return AllocationExplanation{}, err
	}
	return ParseExplanation(body)
}

// ParseExplanation reads an answer of _cluster/allocation/explain.
func ParseExplanation(body []byte) (AllocationExplanation, error) {
	var a explainAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return AllocationExplanation{}, fmt.Errorf("allocation explain: %w", err)
	}
	out := AllocationExplanation{
		Index: a.Index, Shard: a.Shard, Primary: a.Primary, State: a.State, Reason: a.Unassigned.Reason, Since: a.Unassigned.At,
		FailedAttempts: a.Unassigned.Attempts, Details: a.Unassigned.Details, CanAllocate: a.Can, Text: a.Text,
		RemainingDelay: time.Duration(a.Remaining) * time.Millisecond,
		Node:           a.Current.Name, CanRemain: a.CanRemain, Remain: objections(a.Remain), CanMove: a.CanMove,
	}
	if out.Text == "" {
		out.Text = a.MoveText
	}
	for _, n := range a.Nodes {
		v := NodeVerdict{Node: n.Name, Decision: n.Decision, Attributes: n.Attributes, Objections: objections(n.Deciders)}
		if s := n.Store; s != nil {
			v.HasStore, v.InSync = s.ID != "" || s.Matching > 0, s.InSync
			if s.Found != nil && !*s.Found {
				v.HasStore = false
			}
			if len(s.Exception) > 0 {
				v.StoreError = string(s.Exception)
			}
		}
		out.Nodes = append(out.Nodes, v)
	}
	slices.SortStableFunc(out.Nodes, func(a, b NodeVerdict) int { return cmp.Compare(a.Node, b.Node) })
	return out, nil
}

// IndexSettings are an index's own settings by key.
type IndexSettings struct {
	Index  string
	Values map[string]string
}

// GetIndexSettings reads the settings of all indices whose keys match one of the
// patterns, sorted by index. Indices without any are left out.
func (c *Client) GetIndexSettings(ctx context.Context, patterns ...string) ([]IndexSettings, error) {
	body, err := c.call(ctx, "indices.get_settings", idempotent, get("_all", "_settings", strings.Join(patterns, ",")).with("flat_settings", "true"))
	if err != nil {
		return nil, err
	}
	return parseIndexSettings(body)
}

func parseIndexSettings(body []byte) ([]IndexSettings, error) {
	var a map[string]struct {
		Settings map[string]json.RawMessage `json:"settings"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("index settings: %w", err)
	}
	out := []IndexSettings{}
	for _, index := range slices.Sorted(maps.Keys(a)) {
		if values := plain(a[index].Settings); len(values) > 0 {
			out = append(out, IndexSettings{index, values})
		}
	}
	return out, nil
}

// UpdateIndexSettings changes settings of one index; a nil value takes one away.
func (c *Client) UpdateIndexSettings(ctx context.Context, index string, values map[string]*string) error {
	request, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("index settings: %w", err)
	}
	_, err = c.call(ctx, "indices.put_settings", idempotent, put(index, "_settings").json(request))
	return err
}
