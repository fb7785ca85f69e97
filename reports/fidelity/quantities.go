package fidelity

import (
	"strings"
	"time"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Unit is what a quantity is measured in.
type Unit string

// The units.
const (
	Seconds    Unit = "s"
	Bytes      Unit = "bytes"
	Count      Unit = "count"
	Operations Unit = "ops"
)

// The names of quantities. Times are seconds since the beginning of their phase.
const (
	NodeRemoved        = "node removed"
	NodeJoined         = "node joined"
	MasterLost         = "no master"
	NewMaster          = "new master"
	BlockSeen          = "block seen"
	BlockGone          = "block gone"
	NotGreen           = "not green"
	Red                = "red"
	PrimariesActive    = "primaries active"
	Green              = "green"
	Balanced           = "balanced"
	FirstInitializing  = "first initializing"
	FirstRelocating    = "first relocating"
	FirstRecoveryStart = "first recovery starts"
	LastRecoveryStop   = "last recovery ends"
	// DelayToInitializing is from the removal of a node to the first new copy,
	// BalancedAfterJoin from its joining to the balance, Recovering from the first
	// recovery's start to the last one's end.
	DelayToInitializing = "removal to initializing"
	BalancedAfterJoin   = "join to balanced"
	Recovering          = "recovering"
	FileRecoveries      = "recoveries by files"
	OpsRecoveries       = "recoveries by operations"
	LocalRecoveries     = "local recoveries"
	BytesCopied         = "bytes copied"
	OpsReplayed         = "operations replayed"
	Relocations         = "relocations"
	// LongestOutage is of a range of a key-value cluster: how long no write to it was
	// acknowledged while a majority was well, over the whole run.
	LongestOutage = "longest time without writes"
	// Promotions are replicas that became primaries where they were.
	Promotions = "primaries promoted"
)

// Quantity is one figure of a phase.
type Quantity struct {
	Name  string  `json:"name"`
	Unit  Unit    `json:"unit"`
	Value float64 `json:"value"`
}

// Phase is what followed one mark of a run.
type Phase struct {
	Name       string     `json:"name"`
	Quantities []Quantity `json:"quantities"`
	// Moves are the relocations in the order in which they began, see [moveLabels].
	Moves []string `json:"moves,omitempty"`
}

// Value is a quantity of the phase; false when it did not happen.
func (p Phase) Value(name string) (float64, bool) {
	for _, q := range p.Quantities {
		if q.Name == name {
			return q.Value, true
		}
	}
	return 0, false
}

// Run is the quantities of one run.
type Run struct {
	// Label says which run it is: a seed, a repetition.
	Label  string  `json:"label"`
	Phases []Phase `json:"phases"`
	// Recoveries are the times and sizes of the single recoveries, for calibration.
	Recoveries []observed.Recovery `json:"-"`
}

// Quantities takes the quantities of a run, simulated or real.
func Quantities(res *scenarios.Result, label string) Run {
	h := res.History
	end := h.End
	if end == 0 {
		end = h.Closed
	}
	return runOf(label, h, spansOf(marksOf(h), end))
}

func runOf(label string, h *observed.History, spans []span) Run {
	run := Run{Label: label, Recoveries: lastOfEach(h.Observations)}
	moves := h.Moves()
	for _, s := range spans {
		p := Phase{Name: s.name}
		w := watch(h, s)
		p.Quantities = w.quantities()
		if kv.SeenBy(h) == nil {
			p.Quantities = append(p.Quantities, recovered(run.Recoveries, s)...)
		}
		var mine []observed.Move
		for _, m := range moves {
			if m.At >= s.at && m.At < s.until {
				mine = append(mine, m)
			}
		}
		p.Quantities = append(p.Quantities, Quantity{Relocations, Count, float64(len(mine))},
			Quantity{Promotions, Count, float64(promotions(h.Observations, s))})
		p.Quantities = append(p.Quantities, derived(p)...)
		p.Moves = moveLabels(h.Observations, s.at, mine)
		run.Phases = append(run.Phases, p)
	}
	if worst, ok := kv.WorstOutage(h); ok && len(run.Phases) > 0 {
		first := &run.Phases[0]
		first.Quantities = append(first.Quantities, seconds(LongestOutage, worst))
	}
	return run
}

// lastOfEach are the recoveries that ended well, as last seen, in the order in which
// they were first seen.
func lastOfEach(obs []observed.Observation) []observed.Recovery {
	at := make(map[string]int)
	var all []observed.Recovery
	for _, o := range obs {
		r, ok := o.Sight.(observed.Recovery)
		if !ok {
			continue
		}
		key := r.ID + "@" + r.Start.String()
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, r)
		}
		all[i] = r
	}
	var out []observed.Recovery
	for _, r := range all {
		if !r.Failed && r.Stop != 0 && strings.EqualFold(r.Stage, "done") {
			out = append(out, r)
		}
	}
	return out
}

// recovered sums up the recoveries that began in a phase.
func recovered(all []observed.Recovery, s span) []Quantity {
	var files, ops, local, bytes, replayed float64
	var first, last time.Duration
	seen := false
	for _, r := range all {
		if r.Start < s.at || r.Start >= s.until {
			continue
		}
		switch r.Kind {
		case "files":
			files++
		case "ops":
			ops++
		default:
			local++
		}
		bytes += float64(r.Bytes)
		replayed += float64(r.Ops)
		if !seen || r.Start < first {
			first = r.Start
		}
		if !seen || r.Stop > last {
			last = r.Stop
		}
		seen = true
	}
	out := []Quantity{
		{FileRecoveries, Count, files}, {OpsRecoveries, Count, ops}, {LocalRecoveries, Count, local},
		{BytesCopied, Bytes, bytes}, {OpsReplayed, Operations, replayed},
	}
	if seen {
		out = append(out, seconds(FirstRecoveryStart, s.since(first)), seconds(LastRecoveryStop, s.since(last)), seconds(Recovering, last-first))
	}
	return out
}

// since is a moment in the phase's own time.
func (s span) since(at time.Duration) time.Duration { return max(at-s.zero, 0) }

func seconds(name string, d time.Duration) Quantity {
	return Quantity{name, Seconds, float64(d.Round(time.Millisecond)) / float64(time.Second)}
}

// derived are differences of a phase's times: what a setting determines stands in them
// without what came before.
func derived(p Phase) []Quantity {
	var out []Quantity
	for _, d := range []struct{ name, from, to string }{
		{DelayToInitializing, NodeRemoved, FirstInitializing}, {BalancedAfterJoin, NodeJoined, Balanced},
	} {
		from, ok1 := p.Value(d.from)
		to, ok2 := p.Value(d.to)
		if ok1 && ok2 && to >= from {
			out = append(out, seconds(d.name, time.Duration((to-from)*float64(time.Second))))
		}
	}
	return out
}
