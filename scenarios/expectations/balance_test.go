package expectations

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/score"
)

func TestEveryFigureOfABalanceCanBeBoundedByItsName(t *testing.T) {
	keys := map[string]bool{}
	shape := reflect.TypeFor[Balanced]()
	for i := range shape.NumField() {
		if f := shape.Field(i); f.Type == reflect.TypeFor[units.Bound]() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			keys[key] = true
		}
	}
	bounds := (&Balanced{}).bounds()
	for _, k := range score.Kinds() {
		assert.Contains(t, keys, k.Name, "a scenario file has no key for it")
		assert.Contains(t, bounds, k.Name, "the expectation does not look at it")
	}
	assert.Len(t, score.Kinds(), len(keys))
	assert.Len(t, bounds, len(keys))
}
