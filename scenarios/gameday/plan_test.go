package gameday

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

func TestGuardrailsAreToldWholeHoweverTheFileBreaksItsLines(t *testing.T) {
	text := "gameday:\n  guardrails:\n    - no-red-longer-than: 20s\n      with-master: true\n    - {disk-below: 95%} # the flood\n"
	l := &scenarios.Loaded{File: "day.yaml", Text: []byte(text), Scenario: &scenarios.Scenario{Gameday: &scenarios.GamedaySection{
		Guardrails: make([]scenarios.Expect, 2), Silence: units.Duration(30 * time.Second),
	}}}
	assert.Equal(t, []string{"no-red-longer-than: 20s, with-master: true", "disk-below: 95%", "no node answers for 30s"}, Rails(l))
}
