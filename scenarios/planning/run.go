package planning

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// ErrInterrupted is told beside the result of a plan that was ended early.
var ErrInterrupted = errors.New("the plan was interrupted")

// ErrConfig marks what is wrong with the file or the configuration of a plan.
var ErrConfig = errors.New("nothing can be planned")

// Run makes a plan. When ctx ends the result holds what was done, and the error wraps
// [ErrInterrupted]; it is nil where not even the worst of one loss is known.
func Run(ctx context.Context, c Config) (*Result, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	sides, err := c.sides()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	done, planned, err := c.all(ctx, sides)
	interrupted := ctx.Err() != nil && done < planned
	switch {
	case interrupted && done == 0:
		return nil, fmt.Errorf("%w before any run was made", ErrInterrupted)
	case err != nil && !interrupted:
		return nil, err
	}
	last := sides[len(sides)-1]
	out := &Result{
		Schema: Schema, Version: version.Current(), Scenario: last.loaded.Name, File: c.File, System: last.loaded.System, Seeds: c.Seeds,
		Assumptions: append([]Assumption{}, last.assumed...), Notes: append([]string{}, last.notes...), Planned: planned, Done: done,
	}
	for _, s := range sides {
		out.Sides = append(out.Sides, s.result(&c))
	}
	now := &out.Sides[len(out.Sides)-1]
	out.Verdict = now.Verdict
	out.Headline = now.headline()
	if began := now.Losses[0].Began; began == "yellow" || began == "red" {
		out.Notes = append([]string{fmt.Sprintf("the cluster is %s before anything is lost; it is planned from there", began)}, out.Notes...)
	}
	if interrupted {
		return out, fmt.Errorf("%w: %d of %d runs were made", ErrInterrupted, done, planned)
	}
	return out, nil
}

// all makes the runs of all sides, the first seed of every loss before the second: what an
// interruption leaves covers as many losses as it can.
func (c *Config) all(ctx context.Context, sides []*side) (done, planned int, err error) {
	group, ctx := errgroup.WithContext(ctx)
	workers := c.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0) //determinism:allow machine results hang on no worker
	}
	group.SetLimit(workers)
	for _, s := range sides {
		s.runs = make([][]*run, len(s.losses))
		for l := range s.losses {
			s.runs[l] = make([]*run, c.Seeds)
			planned += c.Seeds
		}
	}
	var mu sync.Mutex
	for seed := range c.Seeds {
		for _, s := range sides {
			for l := range s.losses {
				group.Go(func() error {
					if err := ctx.Err(); err != nil {
						return err
					}
					r, err := s.make(ctx, c, s.losses[l], uint64(seed+1))
					if err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					s.runs[l][seed] = r
					done++
					if c.Progress != nil {
						c.Progress(done, planned)
					}
					return nil
				})
			}
		}
	}
	err = group.Wait()
	return done, planned, err
}

// headline is the worst loss in words.
func (s *Side) headline() string {
	var worst *Measured
	for i := range s.Losses {
		if m := &s.Losses[i]; m.Verdict != "" && len(m.Runs) > 0 && (worst == nil || m.worse(worst)) {
			worst = m
		}
	}
	switch {
	case worst == nil:
		return "no loss that an objective is for was run to its end"
	case worst.Verdict == scenarios.Fail && worst.Kind == Nothing:
		return "an objective is not met even when nothing is lost: " + worst.Tells()
	case worst.Verdict == scenarios.Fail:
		return fmt.Sprintf("it can't lose %s: %s", worst.words(), worst.Tells())
	case worst.Verdict == scenarios.Unknown:
		return fmt.Sprintf("what the loss of %s does could not be decided: %s", worst.words(), worst.Tells())
	}
	return fmt.Sprintf("it can lose what it must; the worst case is %s: %s", worst.words(), worst.Tells())
}

// worse orders losses by what they do to the cluster.
func (m *Measured) worse(than *Measured) bool {
	if a, b := rank(m.Verdict), rank(than.Verdict); a != b {
		return a > b
	}
	if a, b := len(m.Red)+len(m.Failed)*1_000_000, len(than.Red)+len(than.Failed)*1_000_000; a != b {
		return a > b
	}
	if m.NoMaster != than.NoMaster {
		return m.NoMaster
	}
	if a, b := m.Unassigned.Value, than.Unassigned.Value; a != nil && b != nil && *a != *b {
		return *a > *b
	}
	switch a, b := m.GreenP95.Value, than.GreenP95.Value; {
	case a == nil && b != nil:
		return true
	case b == nil && a != nil:
		return false
	case a != nil && *a != *b:
		return *a > *b
	}
	a, b := m.PeakDisk.Value, than.PeakDisk.Value
	return a != nil && b != nil && *a > *b
}

// Tells is what a loss does, in words.
func (m *Measured) Tells() string {
	var text string
	switch {
	case m.NoMaster:
		text = "no master can be elected any more, and nothing works"
	case len(m.Red) > 0:
		text = fmt.Sprintf("%s stays red", words(some(m.Red)))
		if len(m.Red) > 1 {
			text = fmt.Sprintf("%s stay red", words(some(m.Red)))
		}
	case m.GreenP95.Value == nil:
		text = "it is not green again while it is watched"
	default:
		text = "green again after " + seconds(m.GreenP95.Value)
	}
	if v := m.PeakDisk.Value; v != nil {
		text += fmt.Sprintf("; the fullest disk is that of %s at %.1f %%", m.PeakNode, *v)
		if m.Crossed != "" {
			text += ", beyond the watermark " + m.Crossed
		}
	}
	if v := m.Unassigned.Value; v != nil && *v > 0 {
		text += fmt.Sprintf("; copies that stay without a node: %.0f", *v)
	}
	if len(m.Held) > 0 {
		text += ", because of " + m.Held[0].Cause + ": " + m.Held[0].Detail
	}
	return text
}

// some are the first of many names.
func some(names []string) []string {
	const shown = 3
	if len(names) <= shown {
		return names
	}
	return append(append([]string(nil), names[:shown]...), fmt.Sprintf("%d more indices", len(names)-shown))
}

func commandLine(words []string) string { return reports.CommandLine(words...) }
