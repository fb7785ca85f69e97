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
		"delayed":             {controller.AllocationExplanation{CanAllocate: "allocation_delayed", RemainingDelay: time.Second}, recovery.Delayed},
		"throttled":           {controller.AllocationExplanation{CanAllocate: "throttled"}, recovery.Throttled},
		"waiting for stores":  {controller.AllocationExplanation{CanAllocate: "awaiting_info"}, recovery.Throttled},
		"free":                {controller.AllocationExplanation{CanAllocate: "yes"}, recovery.Assignable},
		"no copy":             {controller.AllocationExplanation{CanAllocate: "no_valid_shard_copy"}, recovery.NoValidCopy},
		"full disks":          {refused(no("n1", "same_shard", ""), no("n2", "disk_threshold", "")), recovery.Watermark},
		"filters":             {refused(no("n1", "same_shard", ""), no("n2", "filter", "")), recovery.Filter},
		"zones":               {refused(no("n1", "awareness", "")), recovery.Awareness},
		"too few nodes":       {refused(no("n1", "same_shard", ""), no("n2", "same_shard", "")), recovery.TooFewNodes},
		"its primary is away": {refused(no("n1", "replica_after_primary_active", "")), recovery.NoPrimary},
		"limits":              {refused(no("n1", "shards_limit", "")), recovery.ShardsLimit},
		"given up":            {refused(no("n1", "max_retry", ""), no("n2", "disk_threshold", "")), recovery.MaxRetries},
		"a decider of later":  {refused(no("n1", "something_new", "")), recovery.Unclear},
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

func FuzzDiagnose(f *testing.F) {
	f.Add("no", "max_retry", "n1", "corrupt", true)
	f.Fuzz(func(t *testing.T, can, decider, node, details string, store bool) {
		v := no(node, decider, details)
		v.HasStore, v.StoreError = store, details
		d := recovery.Diagnose(controller.AllocationExplanation{CanAllocate: can, Details: details, Nodes: []controller.NodeVerdict{v}})
		assert.NotEmpty(t, d.Cause)
	})
}
