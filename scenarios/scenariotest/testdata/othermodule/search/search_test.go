// Package search looks for the plan that breaks our cluster, with our own fault among the plans'.
package search

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/mine/parts"
	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
	"github.com/shardquake/shardquake/scenarios/explore/fromrapid"
	"github.com/shardquake/shardquake/scenarios/own"
)

// hiccups are our fault, drawn by a generator: any zone, for up to four seconds.
func hiccups() chaos.Kind {
	kind := parts.Fault()
	kind.Draw = fromrapid.Draw(func(t chaos.Topology) *rapid.Generator[*parts.Hiccup] {
		return rapid.Custom(func(r *rapid.T) *parts.Hiccup {
			zone := rapid.SampledFrom(t.Attributes).Draw(r, "node")["zone"]
			tenths := rapid.IntRange(5, 40).Draw(r, "tenths")
			return &parts.Hiccup{Zone: zone, For: chaos.Duration(time.Duration(tenths) * 100 * time.Millisecond)}
		})
	})
	return kind
}

func TestNoHiccupMakesTheControllerAct(t *testing.T) {
	r := explore.Run(t, "../hiccup.yaml", explore.Budget{Plans: 20, For: time.Minute, Kinds: []string{"hiccup", "disk-slow"}},
		explore.With(own.Parts{Faults: []chaos.Kind{hiccups()}, Expectations: []scenarios.ExpectationKind{parts.Expectation()}}),
		explore.Claim("few-moves", func(h *explore.History) (scenarios.Verdict, string) {
			moves := len(h.Moves())
			if moves > 3 {
				return explore.Breaks, fmt.Sprintf("%d copies moved", moves)
			}
			return explore.Holds, fmt.Sprintf("%d copies moved", moves)
		}))
	struck := 0
	for _, c := range r.Coverage.Reached {
		if c.Fault == "hiccup" {
			struck += c.Plans.All()
		}
	}
	if struck == 0 {
		t.Error("our fault never struck")
	}
}
