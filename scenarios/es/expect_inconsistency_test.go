package es

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// compared is a record of a comparison of six copies.
func compared(at time.Duration, found ...string) observed.Decision {
	return observed.Decision{Actor: "consistency-checker", At: at, Found: found, Observed: []observed.NamedValue{{Name: "copies", Value: 6}}}
}

// struckAt is a history in which a silent corruption struck logs[0] on n2 after a minute.
func struckAt(decisions ...observed.Decision) *observed.History {
	return &observed.History{
		Closed: 10 * time.Minute, Decisions: decisions,
		Faults: []*chaos.Record{{
			Kind: "corruption", At: time.Minute, HealedAt: -1, Injected: true, Bites: []chaos.Evidence{{Shown: true}},
			Params: &chaos.Corruption{Index: "logs", Node: "n2", Mode: "silent", Docs: 1},
		}},
	}
}

// verdicts are the outcomes' verdicts by name.
func verdicts(outcomes []scenarios.Outcome) map[string]scenarios.Verdict {
	out := map[string]scenarios.Verdict{}
	for _, o := range outcomes {
		out[o.Name] = o.Verdict
	}
	return out
}

func TestAnInconsistencyIsFoundInTimeLateNeverOrInTheWrongPlace(t *testing.T) {
	const found, wrong, copies = "inconsistency of logs[0] on n2 found", "copies named without cause", "copies compared"
	e := &Inconsistency{What: "found", Within: units.Duration(2 * time.Minute)}
	for name, c := range map[string]struct {
		h    *observed.History
		want map[string]scenarios.Verdict
	}{
		"in time":    {struckAt(compared(30*time.Second), compared(2*time.Minute, "logs[0] on n2")), map[string]scenarios.Verdict{found: scenarios.Pass, wrong: scenarios.Pass, copies: scenarios.Pass}},
		"late":       {struckAt(compared(5*time.Minute, "logs[0] on n2")), map[string]scenarios.Verdict{found: scenarios.Fail, wrong: scenarios.Pass, copies: scenarios.Pass}},
		"never":      {struckAt(compared(2 * time.Minute)), map[string]scenarios.Verdict{found: scenarios.Fail, wrong: scenarios.Pass, copies: scenarios.Pass}},
		"too early":  {struckAt(compared(30*time.Second, "logs[0] on n2"), compared(2*time.Minute, "logs[0] on n2")), map[string]scenarios.Verdict{found: scenarios.Pass, wrong: scenarios.Fail, copies: scenarios.Pass}},
		"another":    {struckAt(compared(2*time.Minute, "logs[0] on n3")), map[string]scenarios.Verdict{found: scenarios.Fail, wrong: scenarios.Fail, copies: scenarios.Pass}},
		"not looked": {struckAt(), map[string]scenarios.Verdict{found: scenarios.Fail, wrong: scenarios.Pass, copies: scenarios.Unknown}},
	} {
		assert.Equal(t, c.want, verdicts(e.Judge(c.h)), name)
	}
	none := &Inconsistency{What: "none"}
	assert.Equal(t, map[string]scenarios.Verdict{wrong: scenarios.Fail, copies: scenarios.Pass}, verdicts(none.Judge(struckAt(compared(2*time.Minute, "logs[0] on n2")))))
	hidden := struckAt(compared(2*time.Minute, "logs[0] on n2"))
	hidden.Faults[0].Bites[0].Shown = false
	assert.Equal(t, scenarios.Unknown, verdicts(e.Judge(hidden))[found], "what was not shown proves nothing")
	many := &Inconsistency{What: "found", Within: units.Duration(2 * time.Minute), Copies: &units.Bound{Op: ">=", Value: 12}}
	assert.Equal(t, scenarios.Fail, verdicts(many.Judge(struckAt(compared(2*time.Minute, "logs[0] on n2"))))[copies])
}

func TestWhatIsWrongWithAnExpectedInconsistencyIsSaid(t *testing.T) {
	silent := []chaos.Entry{{Fault: &chaos.Corruption{Index: "logs", Mode: "silent"}}}
	with := &scenarios.ControlSection{Policy: "none", Consistency: units.Duration(time.Minute)}
	for want, c := range map[string]struct {
		e Inconsistency
		s scenarios.Scenario
	}{
		"nobody compares copies":              {Inconsistency{What: "found", Within: 1}, scenarios.Scenario{Faults: silent}},
		"no fault is a corruption with mode":  {Inconsistency{What: "found", Within: 1}, scenarios.Scenario{Controller: with}},
		"expected within: with a time":        {Inconsistency{What: "found"}, scenarios.Scenario{Controller: with, Faults: silent}},
		"within: goes with inconsistency":     {Inconsistency{What: "none", Within: 1}, scenarios.Scenario{Controller: with}},
		`unknown answer "fond"; did you mean`: {Inconsistency{What: "fond"}, scenarios.Scenario{Controller: with, Faults: silent}},
	} {
		ps := c.e.Check(&c.s)
		require.Len(t, ps, 1, want)
		assert.Contains(t, ps[0].Message, want)
	}
}

func TestARepairIsWhatTheLookAtTheEndHasSeen(t *testing.T) {
	after := func(gone ...chaos.Evidence) *observed.History {
		h := struckAt()
		h.Faults[0].Gone = gone
		return h
	}
	const repaired, left = "repaired after corruption", "left after corruption"
	yes, no := after(chaos.Evidence{Shown: true, Saw: "replaced by the cluster"}), after(chaos.Evidence{Saw: "not repaired"})
	e, not := &Repaired{Fault: "corruption"}, &Repaired{Fault: "corruption", Not: true}
	assert.Equal(t, map[string]scenarios.Verdict{repaired: scenarios.Pass}, verdicts(e.Judge(yes)))
	assert.Equal(t, map[string]scenarios.Verdict{repaired: scenarios.Fail}, verdicts(e.Judge(no)))
	assert.Equal(t, map[string]scenarios.Verdict{repaired: scenarios.Unknown}, verdicts(e.Judge(after())))
	assert.Equal(t, map[string]scenarios.Verdict{left: scenarios.Fail}, verdicts(not.Judge(yes)))
	assert.Equal(t, map[string]scenarios.Verdict{left: scenarios.Pass}, verdicts(not.Judge(no)))
	assert.Len(t, e.Check(&scenarios.Scenario{}), 1)
}
