package reports

import (
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func balancesOf(h *observed.History) Balances {
	return Balances{
		Shards: balanceOf(h, observed.QuantityShards), Bytes: balanceOf(h, observed.QuantityBytes),
		CPU: balanceOf(h, observed.QuantityCPU), Disk: balanceOf(h, observed.QuantityDisk),
	}
}

// balanceOf follows a quantity from t=0 to the end.
func balanceOf(h *observed.History, quantity string) *BalanceOverTime {
	var out *BalanceOverTime
	var area, from, began float64 // CV × seconds; when the balance now in force and the first began
	end := h.End.Seconds()
	until := func(t float64) {
		if out != nil {
			area += float64(out.Final.CV * max(min(t, end)-from, 0))
		}
		from = t
	}
	for _, f := range observed.FromStart(h.Spread(quantity)) {
		values := f.MemberValues()
		if len(values) == 0 {
			continue
		}
		b := score.BalanceOf(values)
		until(f.At.Seconds())
		if out == nil {
			out, began = &BalanceOverTime{Initial: b, Worst: b}, from
		}
		if b.CV > out.Worst.CV {
			out.Worst, out.WorstS = b, secs(f.At)
		}
		out.Final = b
	}
	if out == nil {
		return nil
	}
	until(end)
	out.AverageCV = out.Initial.CV
	if end > began {
		out.AverageCV = score.Round(area / (end - began))
	}
	return out
}

// RecoveryOf are the scores of a run's recovery alone; bytes are null where the backend does
// not tell what moves.
func RecoveryOf(res *scenarios.Result) Recovery {
	out := recoveryOf(res.History)
	if !tellsMoves(res) {
		out.forgetBytes()
	}
	return out
}

func recoveryOf(h *observed.History) Recovery {
	total := Recovery{RecoveryScore: RecoveryScore{BytesMoved: copied(h, 0, h.Closed+1)}}
	for i, f := range h.Faults {
		if !f.Injected {
			total.PerFault = append(total.PerFault, FaultRecovery{f.Kind, RecoveryScore{BytesMoved: new(int64)}})
			continue
		}
		t := h.FaultTimes(i, f.At)
		s := RecoveryScore{
			TimeToDetectS: after(t.Detected, f.At), TimeToYellowS: after(t.Yellow, f.At), TimeToGreenS: after(t.Green, f.At),
			RedS: secs(t.Red), YellowS: secs(t.YellowFor), BytesMoved: copied(h, f.At, t.Until),
		}
		total.PerFault = append(total.PerFault, FaultRecovery{f.Kind, s})
		total.TimeToDetectS = worse(total.TimeToDetectS, s.TimeToDetectS)
		total.TimeToYellowS = worse(total.TimeToYellowS, s.TimeToYellowS)
		total.TimeToGreenS = worse(total.TimeToGreenS, s.TimeToGreenS)
	}
	for _, s := range h.HealthSpans() {
		switch s.Status {
		case "red":
			total.RedS += (s.To - s.From).Seconds()
		case "yellow":
			total.YellowS += (s.To - s.From).Seconds()
		}
	}
	total.RedS, total.YellowS = score.Round(total.RedS), score.Round(total.YellowS)
	for _, r := range Recoveries(h) {
		switch {
		case r.Failed:
			total.Failed++
		case r.Stop == 0:
		case r.Kind == "files":
			total.Files++
		case r.Kind == "ops":
			total.Ops++
		case r.Kind == "local":
			total.Local++
		}
	}
	return total
}

func worse(a, b *float64) *float64 {
	if a == nil || (b != nil && *b > *a) {
		return b
	}
	return a
}

// Recoveries returns the last sight of every recovery that began at t=0 or later, in
// the order in which they began.
func Recoveries(h *observed.History) []observed.Recovery {
	at := make(map[string]int)
	var out []observed.Recovery
	for _, o := range h.Observations {
		r, ok := o.Sight.(observed.Recovery)
		if !ok || r.Start < 0 {
			continue
		}
		i, ok := at[r.ID]
		if !ok {
			at[r.ID] = len(out)
			out = append(out, r)
			continue
		}
		out[i] = r
	}
	return out
}

// copied is the bytes copied by recoveries that began in a stretch of time.
func copied(h *observed.History, from, to time.Duration) *int64 {
	var sum int64
	for _, r := range Recoveries(h) {
		if r.Start >= from && r.Start < to {
			sum += r.Bytes
		}
	}
	return &sum
}

// tellsMoves reports whether the backend tells of recoveries and relocations. Key-value
// clusters tell where copies are, not what was sent to make them.
func tellsMoves(res *scenarios.Result) bool { return res.Scenario.System != "kv" }

// forgetBytes takes back what was counted of recoveries that nobody told of.
func (r *Recovery) forgetBytes() {
	r.BytesMoved = nil
	for i := range r.PerFault {
		r.PerFault[i].BytesMoved = nil
	}
}

// bytesText writes a number of bytes; "–" where there is none.
func bytesText(n *int64) string {
	if n == nil {
		return "–"
	}
	return units.FormatBytes(*n)
}
