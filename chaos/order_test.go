package chaos_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
)

func TestAnOrderIsAFaultAsAFileHasItWithoutItsTime(t *testing.T) {
	for _, text := range []string{`{node-loss: {node: n2, for: 2m}}`, `{"node-loss": {"node": "n2", "for": "2m"}}`, "node-loss:\n  node: n2\n  for: 2m\n"} {
		e, err := chaos.ReadOrder([]byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, "node-loss", e.Fault.Kind())
		assert.InDelta(t, 120, e.Fault.Lasts().Seconds(), 0)
	}
	for text, why := range map[string]string{
		`{at: 5m, node-loss: {node: n2}}`:                "expected it without at:",
		`{when: yellow, node-loss: {node: n2}}`:          "expected it without when:",
		`{node-los: {node: n2}}`:                         `did you mean "node-loss"?`,
		`{node-loss: {nod: n2}}`:                         "nod",
		`{node-loss: {node: n2}, disk-slow: {node: n1}}`: "two faults in one entry",
		`{}`:  "expected a fault such as",
		`[1]`: "expected a fault such as",
		``:    "empty",
	} {
		_, err := chaos.ReadOrder([]byte(text))
		assert.ErrorContains(t, err, why, text)
	}
}
