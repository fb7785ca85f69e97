package rehearse

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
)

// TestNoDiskIsHurtBeforeTheClusterIsWholeAfterTheLast: what a plan does must stay within what
// is promised, or what it finds is worth nothing. A disk that was replaced by an empty one is as
// much of a majority as one that was damaged.
func TestNoDiskIsHurtBeforeTheClusterIsWholeAfterTheLast(t *testing.T) {
	seeds := []uint64{9200102} // replaces a disk, and had another damaged before that was filled
	for seed := range uint64(30) {
		seeds = append(seeds, seed)
	}
	hurts := 0
	for _, seed := range seeds {
		w := newWhole(WholeOptions{Seed: seed, Damage: true})
		hurt := ""
		w.e.OnEvent(func(r sim.EventRecord) {
			if hurt != "" && w.complete() {
				hurt = ""
			}
			switch r.Type {
			case "note:kv.wipe", "note:kv.damage", "note:kv.roll-back":
				name, _, _ := strings.Cut(r.Entity, ":")
				if hurt != "" && hurt != name {
					t.Errorf("seed %d: at %v the disk of %s is hurt, and the cluster has not been whole since that of %s was", seed, r.Time, name, hurt)
				}
				hurt = name
				hurts++
			}
		})
		_, err := w.rehearse()
		require.NoError(t, err, "seed %d", seed)
	}
	assert.Greater(t, hurts, len(seeds)/2)
}
