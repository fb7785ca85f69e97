package compare

import (
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/quantity"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// What a plan measures beside the quantities of the table.
const (
	fullestDisk = "fullest disk"
	busiest     = "busiest processors"
	stayRed     = "indices that stay red"
	withoutNode = "copies without a node"
	workDone    = "time until the work is done"
)

// RecordsOfPlan keeps every run of a plan: the loss is part of the scenario's name, so that
// what a cluster does after each loss is compared by itself. Where a plan has two sides each
// of their runs has its label. What growth and sizes come to is a record for each objective and
// each tier, of the last side.
func RecordsOfPlan(r *planning.Result, o Origin) []Record {
	var out []Record
	for i := range r.Sides {
		side := &r.Sides[i]
		for j := range side.Losses {
			loss := &side.Losses[j]
			for k := range loss.Runs {
				rec := recordOfLoss(r, loss.String(), &loss.Runs[k], o)
				if len(r.Sides) > 1 {
					rec.Label = side.Label
				}
				out = append(out, rec)
			}
		}
	}
	return append(out, wholesOf(r, o)...)
}

func recordOfLoss(r *planning.Result, loss string, run *planning.Seeded, o Origin) Record {
	rec := Record{
		Schema: HistorySchema, Branch: o.Branch, Machine: o.Machine, Scenario: r.Scenario + ", " + loss, ScenarioHash: o.hash(),
		System: r.System, Backend: simulated, Scale: string(scenarios.AsDescribed), Seed: run.Seed, Version: r.Version, Verdict: run.Verdict,
		TraceHash: run.TraceHash, Aborted: run.Unknown, Tolerance: o.Tolerance, Expectations: []Expectation{}, Figures: []reports.Figure{},
	}
	figure := func(name, unit string, v *float64) {
		if v != nil {
			rec.Figures = append(rec.Figures, reports.Figure{Name: name, Unit: unit, Value: *v})
		}
	}
	for _, e := range run.Objectives {
		rec.Expectations = append(rec.Expectations, Expectation{Name: e.Name, Verdict: e.Verdict, Line: e.Line})
	}
	for _, of := range []struct {
		name, unit string
		v          *float64
	}{
		{workDone, "s", run.TookS}, {fullestDisk, "%", run.PeakDisk}, {busiest, "%", run.PeakCPU},
		{stayRed, "", run.StayRed}, {withoutNode, "", run.Unassigned},
	} {
		if of.v != nil {
			rec.Expectations = append(rec.Expectations, Expectation{Name: of.name, Verdict: scenarios.Pass, Better: lower})
			figure(of.name, of.unit, of.v)
		}
	}
	figure(quantity.TimeToYellow, "s", run.YellowS)
	figure(quantity.TimeToGreen, "s", run.GreenS)
	figure(quantity.BytesCopied, "b", run.Bytes)
	figure(quantity.Red, "s", run.RedS)
	if run.Unknown == "" {
		figure(quantity.Moves, "", scenarios.Number(float64(run.Moves)))
	}
	return rec
}
