package damage_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/kvcluster/storage/damage"
)

func draws(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// content is a file whose end was reserved and never written.
func content() []byte {
	return append(bytes.Repeat([]byte{0xa5}, 10_000), make([]byte, 5_000)...)
}

func TestDamageStrikesTheLatestThings(t *testing.T) {
	for _, kind := range []damage.Kind{damage.Flip, damage.Zero, damage.Truncate} {
		for seed := range uint64(50) {
			was := content()
			is := damage.Of(kind, was, nil, draws(seed))
			assert.Equal(t, content(), was, "the original stays as it is")
			assert.NotEqual(t, was, is, "%s %d", kind, seed)
			assert.Equal(t, was[:10_000-4096], is[:10_000-4096], "%s %d: nothing before the last 4 KiB of what was written", kind, seed)
		}
	}
}

func TestAFileKeepsItsLengthUnlessItsEndIsGone(t *testing.T) {
	for seed := range uint64(50) {
		assert.Len(t, damage.Of(damage.Flip, content(), nil, draws(seed)), 15_000)
		assert.Len(t, damage.Of(damage.Zero, content(), nil, draws(seed)), 15_000)
		assert.Less(t, len(damage.Of(damage.Truncate, content(), nil, draws(seed))), 10_000, "what was written last is gone")
	}
}

func TestAFileThatIsRolledBackIsWhatItWas(t *testing.T) {
	earlier := []byte("earlier")
	is := damage.Of(damage.RollBack, content(), earlier, draws(1))
	assert.Equal(t, earlier, is)
	is[0] = 'x'
	assert.Equal(t, "earlier", string(earlier), "the copy is its own")
}

func TestWhatHoldsNothingCantBeDamaged(t *testing.T) {
	for _, kind := range damage.Kinds() {
		assert.Empty(t, damage.Of(kind, nil, []byte("earlier"), draws(1)), kind)
		assert.Equal(t, make([]byte, 100), damage.Of(kind, make([]byte, 100), []byte("earlier"), draws(1)), kind)
	}
}

func TestTheSameDrawsDamageAlike(t *testing.T) {
	for _, kind := range damage.Kinds() {
		assert.Equal(t, damage.Of(kind, content(), nil, draws(7)), damage.Of(kind, content(), nil, draws(7)), kind)
	}
}
