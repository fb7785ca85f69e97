package cases

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// recordedExplanation is what Elasticsearch 8.19.0 answered to
// GET _cluster/allocation/explain?include_yes_decisions for a copy of a case.
type recordedExplanation struct {
	Case    string `json:"case"`
	Index   string `json:"index"`
	Shard   int    `json:"shard"`
	Primary bool   `json:"primary"`
	Node    string `json:"node"`
	Answer  answer `json:"explanation"`
}

// answer is the part of the answer that the allocator decides.
type answer struct {
	CanAllocate        string         `json:"can_allocate,omitempty"`
	AllocateText       string         `json:"allocate_explanation,omitempty"`
	Target             *node          `json:"target_node,omitempty"`
	CanRemain          string         `json:"can_remain_on_current_node,omitempty"`
	RemainDecisions    []decider      `json:"can_remain_decisions,omitempty"`
	CanRebalance       string         `json:"can_rebalance_cluster,omitempty"`
	RebalanceDecisions []decider      `json:"can_rebalance_cluster_decisions,omitempty"`
	RebalanceTo        string         `json:"can_rebalance_to_other_node,omitempty"`
	RebalanceText      string         `json:"rebalance_explanation,omitempty"`
	MoveTo             string         `json:"can_move_to_other_node,omitempty"`
	MoveText           string         `json:"move_explanation,omitempty"`
	Current            *node          `json:"current_node,omitempty"`
	Nodes              []nodeDecision `json:"node_allocation_decisions,omitempty"`
}

type node struct {
	ID      string `json:"id"`
	Ranking int    `json:"weight_ranking,omitempty"`
}

type nodeDecision struct {
	ID       string    `json:"node_id"`
	Decision string    `json:"node_decision"`
	Ranking  int       `json:"weight_ranking,omitempty"`
	Deciders []decider `json:"deciders,omitempty"`
}

type decider struct {
	Decider     string `json:"decider"`
	Decision    string `json:"decision"`
	Explanation string `json:"explanation"`
}

func answerOf(c *state.Copy, e allocation.ShardExplanation) answer {
	var a answer
	if c.Node != "" {
		a.Current = &node{ID: c.Node}
	}
	target := func(n *state.Node) {
		if n != nil {
			a.Target = &node{ID: n.ID}
		}
	}
	if x := e.Allocate; x != nil {
		a.CanAllocate, a.AllocateText, a.Nodes = x.Decision, x.Explanation, nodesOf(x.Nodes)
		target(x.Target)
	}
	if x := e.Move; x != nil {
		a.Current.Ranking, a.Nodes = x.Ranking, nodesOf(x.Nodes)
		target(x.Target)
		if a.CanRemain = "no"; x.CanRemain {
			a.CanRemain, a.CanRebalance, a.RebalanceTo, a.RebalanceText = "yes", x.CanRebalance, x.Decision, x.Explanation
		} else {
			a.MoveTo, a.MoveText = x.Decision, x.Explanation
		}
		a.RemainDecisions, a.RebalanceDecisions = decidersOf(x.RemainDecisions), decidersOf(x.RebalanceDecisions)
	}
	return a
}

func nodesOf(nodes []allocation.NodeExplanation) []nodeDecision {
	var out []nodeDecision
	for _, n := range nodes {
		out = append(out, nodeDecision{n.Node.ID, n.Decision, n.Ranking, decidersOf(n.Deciders)})
	}
	return out
}

func decidersOf(decisions []allocation.Decision) []decider {
	var out []decider
	for _, d := range decisions {
		out = append(out, decider{d.Decider, d.Verdict.String(), d.Explanation})
	}
	return out
}

func TestExplanationsAreElasticsearchs(t *testing.T) {
	byCase := recordedExplanations(t)
	files, err := filepath.Glob("testdata/*.jsonl*")
	require.NoError(t, err)
	compared := 0
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		require.NoError(t, Read(context.Background(), file, f, func(c *Case) error {
			w, err := newWorld(c, "balanced")
			if err != nil {
				return err
			}
			for _, want := range byCase[c.Name] {
				for _, copy := range w.st.Routing.Index(want.Index).Shards[want.Shard].Copies {
					if copy.Primary == want.Primary && copy.Node == want.Node {
						got := answerOf(copy, w.service.Explain(w.st, w.input(), copy, true))
						assert.Equal(t, want.Answer, got, "%s, [%s][%d] on %q", c.Name, want.Index, want.Shard, want.Node)
						compared++
						break
					}
				}
			}
			return nil
		}))
		require.NoError(t, f.Close())
	}
	recorded := 0
	for _, list := range byCase {
		recorded += len(list)
	}
	assert.Equal(t, recorded, compared, "every recorded explanation was compared")
}

func recordedExplanations(t *testing.T) map[string][]recordedExplanation {
	t.Helper()
	f, err := os.Open("testdata/explanations/explanations.jsonl.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	out := make(map[string][]recordedExplanation)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var r recordedExplanation
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		out[r.Case] = append(out[r.Case], r)
	}
	require.NoError(t, lines.Err())
	return out
}
