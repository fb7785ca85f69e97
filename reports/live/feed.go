package live

import (
	"errors"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Feed tells a stream what is new in a run, again and again.
type Feed struct {
	Stream   *Stream
	Scenario *scenarios.Scenario

	nodes, faults, log int
	healed             map[int]bool
	from               float64 // of the last health told
	told               map[string]int
}

// labelled is a fault or its end.
type labelled struct {
	From  float64 `json:"from,omitempty"`
	T     float64 `json:"t,omitempty"`
	Label string  `json:"label"`
}

// Tell publishes what has come since the last time.
func (f *Feed) Tell(h *observed.History) error {
	if f.told == nil {
		f.told, f.healed, f.from = map[string]int{}, map[int]bool{}, -1
	}
	d := reports.PageDataOf(&scenarios.Result{Scenario: f.Scenario, History: h})
	var errs []error
	publish := func(kind string, v any) { errs = append(errs, f.Stream.Publish(kind, v)) }
	if f.nodes == 0 {
		f.nodes = len(d.Nodes)
		publish(Nodes, d.Nodes)
	}
	for _, s := range d.Health {
		if s.From > f.from {
			f.from = s.From
			publish(Health, s)
		}
	}
	for i, x := range d.Faults {
		if i >= f.faults {
			f.faults = i + 1
			publish(Fault, labelled{From: x.From, Label: x.Label})
		}
		if h.Faults[i].HealedAt >= 0 && !f.healed[i] {
			f.healed[i] = true
			publish(Healed, labelled{T: x.To, Label: x.Label})
		}
	}
	news(f, Counts, d.Counts, publish)
	news(f, Shards, d.Shards, publish)
	news(f, Members, d.Members, publish)
	news(f, "cv", d.CV, publish)
	news(f, "pending", d.Pending, publish)
	news(f, "disk", d.Disk, publish)
	news(f, "cpu", d.CPU, publish)
	for _, x := range d.Decisions[min(f.log, len(d.Decisions)):] {
		publish(Decision, x)
	}
	f.log = len(d.Decisions)
	publish(Now, map[string]float64{"t": d.Closed})
	return errors.Join(errs...)
}

// news publishes what a list has more than when it was last told.
func news[T any](f *Feed, kind string, list []T, publish func(string, any)) {
	for _, x := range list[min(f.told[kind], len(list)):] {
		publish(kind, x)
	}
	f.told[kind] = len(list)
}
