package recovery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/recovery"
)

func no(node, decider, text string) controller.NodeVerdict {
	return controller.NodeVerdict{Node: node, Decision: "no", Objections: []controller.Objection{{Decider: decider, Decision: "NO", Text: text}}}
}

func TestCausesAreReadFromExplanations(t *testing.T) {
	refused := func(nodes ...controller.NodeVerdict) controller.AllocationExplanation {
		return controller.AllocationExplanation{CanAllocate: controller.CanAllocateNo, Nodes: nodes}
	}
	for name, c := range map[string]struct {
		x    controller.AllocationExplanation
		want recovery.Cause
	}{
		"delayed":              {controller.AllocationExplanation{CanAllocate: "allocation_delayed", RemainingDelay: time.Second}, recovery.Delayed},
		"throttled":            {controller.AllocationExplanation{CanAllocate: "throttled"}, recovery.Throttled},
		"waiting for stores":   {controller.AllocationExplanation{CanAllocate: "awaiting_info"}, recovery.Throttled},
		"free":                 {controller.AllocationExplanation{CanAllocate: "yes"}, recovery.Assignable},
		"no copy":              {controller.AllocationExplanation{CanAllocate: "no_valid_shard_copy"}, recovery.NoValidCopy},
		"full disks":           {refused(no("n1", "same_shard", ""), no("n2", "disk_threshold", "")), recovery.Watermark},
		"filters":              {refused(no("n1", "same_shard", ""), no("n2", "filter", "")), recovery.Filter},
		"zones":                {refused(no("n1", "awareness", "")), recovery.Awareness},
		"too few nodes":        {refused(no("n1", "same_shard", ""), no("n2", "same_shard", "")), recovery.TooFewNodes},
		"its primary is away":  {refused(no("n1", "replica_after_primary_active", "")), recovery.NoPrimary},
		"a tier without nodes": {refused(no("n1", "data_tier", "")), recovery.MissingTier},
		"leaving nodes":        {refused(no("n1", "node_shutdown", "")), recovery.Leaving},
		"limits":               {refused(no("n1", "shards_limit", "")), recovery.ShardsLimit},
		"given up":             {refused(no("n1", "max_retry", ""), no("n2", "disk_threshold", "")), recovery.MaxRetries},
		"a decider of later":   {refused(no("n1", "something_new", "")), recovery.Unclear},
		"damaged": {controller.AllocationExplanation{CanAllocate: "no", Details: "CorruptIndexException[checksum failed]",
			Nodes: []controller.NodeVerdict{no("n1", "max_retry", "")}}, recovery.Corrupt},
		"damaged primary": {controller.AllocationExplanation{CanAllocate: "no_valid_shard_copy",
			Nodes: []controller.NodeVerdict{{Node: "n1", HasStore: true, StoreError: `{"type":"corrupt_index_exception"}`}}}, recovery.Corrupt},
	} {
		assert.Equal(t, c.want, recovery.Diagnose(c.x).Cause, name)
	}
}

func TestAPrimarysOwnNodeDecides(t *testing.T) {
	holder := no("n2", "disk_threshold", "")
	holder.HasStore, holder.InSync = true, true
	d := recovery.Diagnose(controller.AllocationExplanation{CanAllocate: "no", Primary: true, Nodes: []controller.NodeVerdict{no("n1", "max_retry", ""), holder}})
	assert.Equal(t, recovery.Watermark, d.Cause, "n1 holds no copy, so that it refuses says nothing")
}

func TestEachNodeHasItsOwnReasonsAndTheSettingItsScope(t *testing.T) {
	const cluster = `node matches cluster setting [cluster.routing.allocation.exclude] filters [_name:"n1"]`
	const index = `node matches index setting [index.routing.allocation.exclude.] filters [_name:"n3"]`
	third := no("n3", "filter", index)
	third.Objections = append(third.Objections, controller.Objection{Decider: "same_shard", Decision: "NO", Text: "a copy of this shard is already allocated to this node [...]"})
	d := recovery.Diagnose(controller.AllocationExplanation{CanAllocate: "no", Index: "logs", Nodes: []controller.NodeVerdict{
		no("n1", "filter", cluster), no("n2", "same_shard", "a copy of this shard is already allocated to this node [...]"), third,
	}})
	assert.Equal(t, recovery.Filter, d.Cause)
	assert.Equal(t, "n1: "+cluster+"; n3: "+index+"; and holds a copy of this shard; n2: has room, but holds a copy of this shard", d.Detail)
	assert.Equal(t, "cluster", d.Scope, "what keeps the copy from n1, the only node that could take it")
	assert.Equal(t, []recovery.FilterRef{{Key: "cluster.routing.allocation.exclude._name", Scope: "cluster", Nodes: []string{"n1"}}}, d.Filters)
	assert.Equal(t, "index", d.Nodes[2].Reasons[0].Scope)
	assert.Equal(t, "index.routing.allocation.exclude", d.Nodes[2].Reasons[0].Setting)
}

func TestWhereEveryNodeHoldsACopyNothingElseIsTheCause(t *testing.T) {
	drained := no("n2", "filter", `node matches cluster setting [cluster.routing.allocation.exclude] filters [_name:"n2"]`)
	drained.Objections = append(drained.Objections, controller.Objection{Decider: "same_shard", Decision: "NO", Text: "a copy is there"})
	d := recovery.Diagnose(controller.AllocationExplanation{CanAllocate: "no", Nodes: []controller.NodeVerdict{no("n1", "same_shard", "a copy is there"), drained}})
	assert.Equal(t, recovery.TooFewNodes, d.Cause, "without the filter the copy would find no node either")
	assert.Empty(t, d.Filters)
}

func TestTheNodeWithRoomThatHoldsACopyIsNamed(t *testing.T) {
	full := "too many shards [2] allocated to this node for index [new], index setting [index.routing.allocation.total_shards_per_node=2]"
	a := recovery.Advise(controller.AllocationExplanation{CanAllocate: "no", Index: "new", Shard: 4, Nodes: []controller.NodeVerdict{
		no("n1", "shards_limit", full), no("n2", "shards_limit", full), no("n3", "same_shard", "a copy is there"), no("n4", "shards_limit", full),
	}})
	assert.Equal(t, recovery.ShardsLimit, a.Cause)
	assert.Equal(t, "n1, n2, n4: "+full+"; n3: has room, but holds a copy of this shard", a.Detail)
	assert.Equal(t, "raise index.routing.allocation.total_shards_per_node, or add a node; or move another shard of the index to n3, "+
		"which has room but holds a copy of this one, and so make room on a node that has none", a.Cure)
}

func TestAZoneThatLacksNodesIsToldFromOneThatIsMissing(t *testing.T) {
	text := func(forced string) string {
		return "there are [2] copies of this shard and [2] values for attribute [zone] ([a, b] from nodes in the cluster and " + forced + ") so there may be at most [1] copies of this " +
			"shard allocated to nodes with each value, but (including this copy) there would be [2] copies allocated to nodes with [node.attr.zone: a]"
	}
	in := func(zone string, v controller.NodeVerdict) controller.NodeVerdict {
		v.Attributes = map[string]string{"zone": zone}
		return v
	}
	missing := recovery.Advise(controller.AllocationExplanation{CanAllocate: "no", Nodes: []controller.NodeVerdict{in("a", no("n1", "awareness", text("[a, b, c] from forced awareness")))}})
	assert.Equal(t, recovery.Awareness, missing.Cause)
	assert.Equal(t, "bring a node of zone c back or add one; until then copies with one zone would be lost together", missing.Cure)
	few := recovery.Advise(controller.AllocationExplanation{CanAllocate: "no", Nodes: []controller.NodeVerdict{
		in("a", no("n1", "awareness", text("no forced awareness"))), in("b", no("n2", "same_shard", "")),
	}})
	assert.Equal(t, "zone b has too few nodes: add one, or lower number_of_replicas (n2: has room, but holds a copy of this shard)", few.Cure)
}

func TestWhatElseWouldHaveToChangeIsSaid(t *testing.T) {
	n := no("n1", "disk_threshold", "the node is above the low watermark")
	n.Objections = append(n.Objections, controller.Objection{Decider: "filter", Decision: "NO", Text: "node does not match"})
	d := recovery.Diagnose(controller.AllocationExplanation{CanAllocate: "no", Nodes: []controller.NodeVerdict{n}})
	assert.Equal(t, recovery.Watermark, d.Cause)
	assert.Equal(t, []string{"n1: node does not match"}, d.Besides)
}

func TestATierWithoutNodesIsAFindingWithItsCure(t *testing.T) {
	a := recovery.Advise(controller.AllocationExplanation{CanAllocate: "no", Nodes: []controller.NodeVerdict{
		no("n1", "data_tier", "index has a preference for tiers [data_hot], but no nodes for any of those tiers are available in the cluster"),
	}})
	assert.Equal(t, recovery.MissingTier, a.Cause)
	assert.Equal(t, "add a node with a role of data_hot, or change index.routing.allocation.include._tier_preference of the index", a.Cure)
}

func FuzzDiagnose(f *testing.F) {
	f.Add("no", "max_retry", "n1", "corrupt", true)
	f.Fuzz(func(t *testing.T, can, decider, node, details string, store bool) {
		v := no(node, decider, details)
		v.HasStore, v.StoreError = store, details
		d := recovery.Diagnose(controller.AllocationExplanation{CanAllocate: can, Details: details, Nodes: []controller.NodeVerdict{v}})
		assert.NotEmpty(t, d.Cause)
	})
}
