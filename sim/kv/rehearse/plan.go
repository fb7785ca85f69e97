package rehearse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
)

// Kind is a kind of rehearsal.
type Kind string

// The kinds of rehearsals.
const (
	Copies       Kind = "shard"        // a shard and its copies
	Transactions Kind = "transactions" // the same, with programs that use transactions
	WholeCluster Kind = "whole"        // whole clusters
	Damaged      Kind = "damage"       // whole clusters whose disks are damaged and put back
	OnPebble     Kind = "pebble"       // the same on the engine that ships
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Copies, Transactions, WholeCluster, Damaged, OnPebble} }

// Plan is a rehearsal to be run. The same plan comes to the same, but on pebble.
type Plan struct {
	Kind Kind   `json:"kind"`
	Seed uint64 `json:"seed"`
	// Keep is a folder for the disks of a whole cluster that was bad; "" keeps nothing.
	Keep string `json:"-"`
}

// Verdict is what a rehearsal comes to.
type Verdict string

// The verdicts.
const (
	Passed    Verdict = "pass"
	Failed    Verdict = "fail"
	Undecided Verdict = "undecided" // too little was seen
	Beyond    Verdict = "beyond"    // a fault was more than what is promised for
)

// Counts is how much happened, by what.
type Counts map[string]int

// Add adds other counts.
func (c Counts) Add(other Counts) {
	for k, n := range other {
		c[k] += n
	}
}

func (c Counts) String() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, c[k]))
	}
	return strings.Join(parts, ", ")
}

// Outcome is what came of a plan.
type Outcome struct {
	Plan
	Verdict Verdict `json:"verdict"`
	// Why is what was found wrong, or why nothing can be said.
	Why    []string `json:"why,omitempty"`
	Counts Counts   `json:"counts"`
	// Repeats says that the plan comes to the same again.
	Repeats bool `json:"repeats"`
}

// Run runs a plan. An error is that of the rehearsal itself, or a node that could not go on.
func Run(p Plan) (Outcome, error) {
	switch p.Kind {
	case Copies:
		return runShard(p, Options{Seed: p.Seed})
	case Transactions:
		return runShard(p, Options{Seed: p.Seed, Transactions: true, Keys: 4, Duration: 10 * time.Second})
	case WholeCluster:
		return runWhole(p, WholeOptions{Seed: p.Seed, Keep: p.Keep})
	case Damaged:
		return runWhole(p, WholeOptions{Seed: p.Seed, Keep: p.Keep, Damage: true})
	case OnPebble:
		return runWhole(p, WholeOptions{Seed: p.Seed, Keep: p.Keep, Damage: true, Pebble: true})
	}
	return Outcome{}, fmt.Errorf("no kind of rehearsal is called %q: there are %v", p.Kind, Kinds())
}

func runShard(p Plan, o Options) (Outcome, error) {
	r, err := Shard(o)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Plan: p, Verdict: Passed, Why: r.Problems, Repeats: true}
	verdicts := []check.Verdict{r.Report.Verdict, r.Swaps.Verdict}
	if o.Transactions {
		verdicts = []check.Verdict{r.Lists.Verdict, r.Bank.Verdict}
	}
	switch {
	case r.Bad():
		out.Verdict = Failed
		out.Why = append(out.Why, fmt.Sprint(r.Report.Violations, r.Swaps.Violations, r.Lists.Anomalies, r.Bank.Wrong))
	case slices.Contains(verdicts, check.Undecided):
		out.Verdict = Undecided
	}
	out.Counts = Counts{"acknowledged": r.Acknowledged, "unknown writes": r.UnknownWrites, "failovers": r.Failovers, "moves": r.Moves,
		"crashes": r.Crashes, "cuts": r.Cuts, "snapshots": r.Snapshots, "splits": r.Splits, "merges": r.Merges, "mended": r.Mended, "lost": r.Lost,
		"committed": r.Committed, "conflicts": r.Conflicts, "deaths": r.Deaths, "events": int(r.Events)}
	for _, kind := range slices.Sorted(maps.Keys(r.Damage)) {
		out.Counts["damage: "+string(kind)] = r.Damage[kind]
		out.Counts["damage"] += r.Damage[kind]
	}
	return out, nil
}

func runWhole(p Plan, o WholeOptions) (Outcome, error) {
	r, err := Whole(o)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Plan: p, Verdict: Passed, Why: r.Problems, Repeats: !o.Pebble}
	switch {
	case r.Beyond:
		out.Verdict = Beyond
	case r.Bad():
		out.Verdict = Failed
		out.Why = append(out.Why, fmt.Sprint(r.Report.Violations))
		if o.Pebble {
			out.Why = append(out.Why, "pebble does things on its own account: running the plan again may come to something else")
		}
	case r.Report.Verdict == check.Undecided:
		out.Verdict = Undecided
	}
	out.Counts = Counts{"acknowledged": r.Acknowledged, "unknown writes": r.UnknownWrites, "activations": r.Activations, "changes": r.Changes,
		"crashes": r.Crashes, "cuts": r.Cuts, "disks replaced": r.Wipes, "leaders": r.Leaders, "folders put back": r.RolledBack, "mended": r.Mended,
		"lost": r.Lost, "outages": len(r.Outages), "events": int(r.Events)}
	for _, kind := range slices.Sorted(maps.Keys(r.Damage)) {
		out.Counts["damage: "+string(kind)] = r.Damage[kind]
		out.Counts["damage"] += r.Damage[kind]
	}
	return out, nil
}
