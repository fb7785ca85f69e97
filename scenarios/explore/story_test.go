package explore

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// lost is a node that is away from a second to another.
func lost(node string, from, to time.Duration) *chaos.Record {
	return &chaos.Record{Kind: "node-loss", Params: &chaos.NodeLoss{For: chaos.Duration(to - from)}, Victims: []string{node}, Injected: true, At: from, HealedAt: to}
}

func TestTheSentenceTellsWhoWasPromotedWhileWhat(t *testing.T) {
	at := func(at time.Duration, s observed.Sight) observed.Observation {
		return observed.Observation{At: at, Sight: s}
	}
	pair := func(primary, replica observed.Copy) observed.Copies {
		primary.Primary = true
		for _, c := range []*observed.Copy{&primary, &replica} {
			c.Index = "pairs"
		}
		return observed.Copies{primary, replica}
	}
	a, b := observed.Copy{Node: "n1", ID: "a", State: "STARTED"}, observed.Copy{Node: "n2", ID: "b", State: "STARTED"}
	h := &observed.History{
		Closed: 30 * time.Second,
		Faults: []*chaos.Record{lost("n3", 5*time.Second, 20*time.Second), lost("n1", 10*time.Second, 15*time.Second)},
		Observations: []observed.Observation{
			at(-time.Second, pair(a, b)),
			at(-time.Second, observed.Members{Master: "n1", Nodes: []string{"n1", "n2", "n3"}}),
			at(0, observed.Health{Status: "green", Master: true}),
			at(12*time.Second, observed.Members{Master: "n2", Nodes: []string{"n2"}}),
			at(12*time.Second, observed.Health{Status: "yellow", Master: true}),
			at(12*time.Second, pair(b, observed.Copy{State: "UNASSIGNED"})),
			at(13*time.Second, observed.Recovery{ID: "c", Index: "pairs", From: "n2", To: "n4", Start: 12 * time.Second, Stop: 13 * time.Second, Failed: true}),
			at(18*time.Second, observed.Health{Status: "green", Master: true}),
		},
	}
	res := &scenarios.Result{History: h, Outcomes: []scenarios.Outcome{{Name: "copies agree", Line: 3, Verdict: scenarios.Fail, Reason: "two differ"}}}
	assert.Equal(t, "With node-loss of n3 at 5s for 15s, then node-loss of n1 at 10s for 5s, "+
		"the copy of pairs[0] on n2 was promoted at 12s while the node-loss of n3 and the node-loss of n1 were in force, "+
		"n2 became master at 12s while the node-loss of n3 and the node-loss of n1 were in force, "+
		"the recovery of pairs[0] to n4 failed at 13s while the node-loss of n3 and the node-loss of n1 were in force, "+
		"the cluster is yellow for 6s, and \"copies agree\" does not hold: two differ.", story(res, 2))
}

func TestOfManyEventsTheSentenceTellsTheFirst(t *testing.T) {
	h := &observed.History{Closed: time.Minute}
	for i := range 9 {
		h.Decisions = append(h.Decisions, observed.Decision{Seq: i, At: time.Duration(i+1) * time.Second, Decided: "move", Acted: i != 2, Shadow: i == 3})
	}
	assert.Equal(t, "the controller decided move at 1s, the controller decided move at 2s, the controller decided move at 5s, the controller decided move at 6s, 3 more such things happened", happened(h))
	assert.Empty(t, happened(&observed.History{}))
}

func TestWhatARealRunCameToIsJudgedByTheClaimThatBroke(t *testing.T) {
	outcome := func(line int, v scenarios.Verdict) scenarios.Outcome {
		return scenarios.Outcome{Name: "it", Line: line, Verdict: v, Reason: "seen"}
	}
	of := func(outcomes ...scenarios.Outcome) *scenarios.Result {
		return &scenarios.Result{Outcomes: outcomes}
	}
	for came, all := range map[string][]*scenarios.Result{
		Agreed:     {of(outcome(2, scenarios.Fail)), of(outcome(2, scenarios.Unknown), outcome(2, scenarios.Fail)), of(outcome(0, scenarios.Unknown), outcome(2, scenarios.Fail))},
		DidNotFail: {of(outcome(2, scenarios.Pass)), of(outcome(1, scenarios.Fail), outcome(2, scenarios.Pass)), of(outcome(3, scenarios.Unknown), outcome(2, scenarios.Pass))},
		NotKnown: {
			of(), of(outcome(1, scenarios.Pass)), of(outcome(2, scenarios.Unknown)), of(outcome(2, scenarios.Pass), outcome(2, scenarios.Unknown)),
			of(outcome(2, scenarios.Pass), outcome(0, scenarios.Unknown)), of(outcome(0, scenarios.Unknown), outcome(2, scenarios.Pass)),
			{Aborted: errors.New("stopped"), Outcomes: []scenarios.Outcome{outcome(2, scenarios.Fail)}},
		},
	} {
		for i, res := range all {
			assert.Equal(t, came, confirmed("real", 1, res, nil).Came, "%s #%d", came, i)
		}
	}
	assert.Equal(t, &Confirmed{"real", NotKnown, "no Docker"}, confirmed("real", 1, nil, errors.New("no Docker")))
}
