// Package leased puts a lease on everything that faults do to a cluster: before a target's
// method acts, the keeper is told how it is undone, and after its inverse, that it was.
package leased

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/lease"
)

// Steps is how a cluster is undone from outside, by those who don't have it in their hands.
type Steps interface {
	OfLink(from, to string) []journal.Step
	OfProcess(node string) []journal.Step
	OfDisk(node string) []journal.Step
	// OfSettings puts back what settings were; "" was nothing.
	OfSettings(of chaos.Scope, before map[string]string) []journal.Step
}

// Target is a target whose actions are leased.
func Target(t chaos.Target, s Steps, k *lease.Keeper) chaos.Target {
	if k == nil {
		return t
	}
	if t.Links != nil {
		t.Links = links{t.Links, s, k}
	}
	if t.Processes != nil {
		t.Processes = processes{t.Processes, s, k}
	}
	if t.Disks != nil {
		t.Disks = disks{t.Disks, s, k}
	}
	if t.Settings != nil {
		t.Settings = &settings{Settings: t.Settings, steps: s, k: k, first: make(map[string]string)}
	}
	return t
}

type links struct {
	chaos.Links
	steps Steps
	k     *lease.Keeper
}

func (l links) begin(ctx context.Context, thing, from, to, how string) error {
	on := thing + " " + from + "→" + to
	return l.k.Begin(ctx, journal.Entry{On: on, What: on + " (" + how + ")", Undo: l.steps.OfLink(from, to)})
}

// Cut implements [chaos.Links].
func (l links) Cut(ctx context.Context, from, to string, mode chaos.CutMode) error {
	if err := l.begin(ctx, "cut", from, to, mode.String()); err != nil {
		return err
	}
	return l.Links.Cut(ctx, from, to, mode)
}

// Mend implements [chaos.Links].
func (l links) Mend(ctx context.Context, from, to string) error {
	if err := l.Links.Mend(ctx, from, to); err != nil {
		return err
	}
	return l.k.End(ctx, "cut "+from+"→"+to)
}

// Shape implements [chaos.Links].
func (l links) Shape(ctx context.Context, from, to string, s chaos.Shape) error {
	if err := l.begin(ctx, "shape", from, to, fmt.Sprintf("%s, %d B/s", s.Latency, s.Bandwidth)); err != nil {
		return err
	}
	return l.Links.Shape(ctx, from, to, s)
}

// Unshape implements [chaos.Links].
func (l links) Unshape(ctx context.Context, from, to string) error {
	if err := l.Links.Unshape(ctx, from, to); err != nil {
		return err
	}
	return l.k.End(ctx, "shape "+from+"→"+to)
}

type processes struct {
	chaos.Processes
	steps Steps
	k     *lease.Keeper
}

func (p processes) lose(ctx context.Context, how, node string, do func(context.Context, string) error) error {
	e := journal.Entry{On: "process " + node, What: how + " " + node, Undo: p.steps.OfProcess(node)}
	if err := p.k.Begin(ctx, e); err != nil {
		return err
	}
	return do(ctx, node)
}

func (p processes) back(ctx context.Context, node string, do func(context.Context, string) error) error {
	if err := do(ctx, node); err != nil {
		return err
	}
	return p.k.End(ctx, "process "+node)
}

// Kill implements [chaos.Processes].
func (p processes) Kill(ctx context.Context, node string) error {
	return p.lose(ctx, "kill", node, p.Processes.Kill)
}

// Stop implements [chaos.Processes].
func (p processes) Stop(ctx context.Context, node string) error {
	return p.lose(ctx, "stop", node, p.Processes.Stop)
}

// Pause implements [chaos.Processes].
func (p processes) Pause(ctx context.Context, node string) error {
	return p.lose(ctx, "pause", node, p.Processes.Pause)
}

// Start implements [chaos.Processes].
func (p processes) Start(ctx context.Context, node string) error {
	return p.back(ctx, node, p.Processes.Start)
}

// Resume implements [chaos.Processes].
func (p processes) Resume(ctx context.Context, node string) error {
	return p.back(ctx, node, p.Processes.Resume)
}

type disks struct {
	chaos.Disks
	steps Steps
	k     *lease.Keeper
}

// Fill implements [chaos.Disks].
func (d disks) Fill(ctx context.Context, node string, percent float64) error {
	e := journal.Entry{On: "ballast " + node, What: fmt.Sprintf("fill the disk of %s to %g%%", node, percent), Undo: d.steps.OfDisk(node)}
	if err := d.k.Begin(ctx, e); err != nil {
		return err
	}
	return d.Disks.Fill(ctx, node, percent)
}

// Free implements [chaos.Disks].
func (d disks) Free(ctx context.Context, node string) error {
	if err := d.Disks.Free(ctx, node); err != nil {
		return err
	}
	return d.k.End(ctx, "ballast "+node)
}

type settings struct {
	chaos.Settings
	steps Steps
	k     *lease.Keeper

	mu    sync.Mutex
	first map[string]string // by thing, what it was before anything was done to it
}

// readLimit bounds the look at what settings were, so that one who puts them back in a
// hurry isn't kept by it.
const readLimit = 5 * time.Second

// Write implements [chaos.Settings]. Each setting is a thing of its own, which is as it was
// when it has the value again that it had first.
func (s *settings) Write(ctx context.Context, of chaos.Scope, values map[string]string) error {
	keys := slices.Sorted(maps.Keys(values))
	limited, cancel := context.WithTimeout(ctx, readLimit)
	before, err := s.Read(limited, of, keys)
	cancel()
	if err != nil {
		return fmt.Errorf("what the settings were: %w", err)
	}
	for _, key := range keys {
		if before[key] == values[key] || s.k.Begun(thing(of, key)) {
			continue
		}
		was := map[string]string{key: before[key]}
		e := journal.Entry{On: thing(of, key), What: fmt.Sprintf("%s: %q → %q", thing(of, key), before[key], values[key]), Undo: s.steps.OfSettings(of, was)}
		if err := s.k.Begin(ctx, e); err != nil {
			return err
		}
		s.mu.Lock()
		s.first[thing(of, key)] = before[key]
		s.mu.Unlock()
	}
	if err := s.Settings.Write(ctx, of, values); err != nil {
		return err
	}
	for _, key := range keys {
		if !s.asItWas(thing(of, key), values[key]) {
			continue
		}
		if err := s.k.End(ctx, thing(of, key)); err != nil {
			return err
		}
	}
	return nil
}

// asItWas is whether a value is what a setting had first.
func (s *settings) asItWas(on, value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, changed := s.first[on]
	return changed && was == value
}

// thing is a setting as the keeper knows it.
func thing(of chaos.Scope, key string) string {
	switch {
	case of.Index != "":
		return "setting " + key + " of " + of.Index
	case of.Transient:
		return "transient setting " + key
	}
	return "setting " + key
}
