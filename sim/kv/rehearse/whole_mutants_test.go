//go:build kvmutants

package rehearse_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestEveryMutantOfAWholeClusterIsCaught counts for each defect planted into the
// metadata group, the failover manager and the node how many seeds it takes until a
// rehearsal of a whole cluster sees it, five times from different seeds on.
func TestEveryMutantOfAWholeClusterIsCaught(t *testing.T) {
	mutants := make(map[string]node.Config)
	short := make(map[string]logstore.Config)
	for _, m := range logstore.Mutants() {
		mutants["log store "+m.String()] = node.Config{}
		short["log store "+m.String()] = logstore.Config{Mutation: logstore.Mutation{Mutant: m}}
	}
	for _, m := range meta.Mutants() {
		mutants["meta "+m.String()] = node.Config{Meta: meta.Config{Mutation: meta.Mutation{Mutant: m}}}
	}
	for _, m := range failover.Mutants() {
		mutants["failover "+m.String()] = node.Config{Failover: failover.Mutation{Mutant: m}}
	}
	for _, m := range node.Mutants() {
		mutants["node "+m.String()] = node.Config{Mutation: node.Mutation{Mutant: m}}
	}
	const limit = 200
	for name, cfg := range mutants {
		t.Run(name, func(t *testing.T) {
			var needed []int
			for attempt := range uint64(5) {
				n := 1
				for n <= limit && !wholeCaught(cfg, short[name], attempt*1000+uint64(n)) {
					n++
				}
				needed = append(needed, n)
			}
			slices.Sort(needed)
			t.Logf("seeds needed: %v", needed)
			assert.LessOrEqual(t, needed[len(needed)/2], 50, "the median")
		})
	}
}

func wholeCaught(cfg node.Config, store logstore.Config, seed uint64) (bad bool) {
	defer func() {
		if p := recover(); p != nil {
			bad = true // an assertion of raft or of a core
		}
	}()
	// Defects of disks show where these are hurt.
	disks := store.Mutation != (logstore.Mutation{}) || cfg.Mutation == (node.Mutation{Mutant: node.NoRecall})
	r, err := rehearse.Whole(rehearse.WholeOptions{Seed: seed, Node: cfg, Store: store, Damage: disks})
	return err != nil || r.Bad()
}
