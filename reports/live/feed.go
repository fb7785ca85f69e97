package live

import (
	"errors"
	"fmt"
	"strconv"

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
	d := reports.LiveDataOf(&scenarios.Result{Scenario: f.Scenario, History: h})
	var errs []error
	state := func(kind, of string, v any) { errs = append(errs, f.Stream.PublishState(kind, of, v)) }
	publish := func(kind string, v any) { errs = append(errs, f.Stream.Publish(kind, v)) }
	if f.nodes == 0 {
		f.nodes = len(d.Nodes)
		state(Nodes, "", d.Nodes)
	}
	for _, s := range d.Health {
		if s.From > f.from {
			f.from = s.From
			state(Health, "", s)
		}
	}
	for i, x := range d.Faults {
		if i >= f.faults {
			f.faults = i + 1
			state(Fault, strconv.Itoa(i), labelled{From: x.From, Label: x.Label})
		}
		if h.Faults[i].HealedAt >= 0 && !f.healed[i] {
			f.healed[i] = true
			state(Healed, strconv.Itoa(i), labelled{T: x.To, Label: x.Label})
		}
	}
	latest := func(kind string, v any) { state(kind, "", v) }
	news(f, Counts, d.Counts, latest)
	news(f, Members, d.Members, latest)
	for _, x := range d.Shards[min(f.told[Shards], len(d.Shards)):] {
		state(Shards, fmt.Sprintf("%s %d", x.Index, x.Shard), x)
	}
	f.told[Shards] = len(d.Shards)
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
