package planning

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

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
	b := &bench{c: &c}
	if b.kept, err = openKept(c.Cache); err != nil {
		return nil, err
	}
	transition, err := c.transition(ctx, b, sides[0], sides[len(sides)-1].made)
	if err == nil {
		sides[len(sides)-1].await(transition)
		err = b.run(ctx, "losses", interleaved(sides, c.Seeds))
	} else if ctx.Err() == nil {
		return nil, err
	}
	interrupted := ctx.Err() != nil && b.done < b.planned
	switch {
	case interrupted && b.done == 0:
		return nil, fmt.Errorf("%w before any run was made", ErrInterrupted)
	case err != nil && !interrupted:
		return nil, err
	}
	last := sides[len(sides)-1]
	var growth *Growth
	if !interrupted {
		growth, err = c.growth(ctx, b, last)
		interrupted = ctx.Err() != nil && err != nil
		if err != nil && !interrupted {
			return nil, err
		}
	}
	var size *Size
	if !interrupted {
		size, err = c.size(ctx, b, last)
		interrupted = ctx.Err() != nil && err != nil
		if err != nil && !interrupted {
			return nil, err
		}
	}
	out := c.gather(b, sides)
	out.Size, out.Transition = size, transition
	if size != nil {
		out.Notes = append(out.Notes, size.Notes...)
	}
	out.grows(growth, last.loaded.Growth, interrupted)
	if !interrupted {
		err = c.report(ctx, out, sides[len(sides)-1])
		interrupted = ctx.Err() != nil
	}
	if err != nil && !interrupted {
		return out, err
	}
	if interrupted {
		return out, fmt.Errorf("%w: %d of %d runs were made", ErrInterrupted, b.done, b.planned)
	}
	return out, nil
}

// gather puts together what the runs of a plan came to.
func (c *Config) gather(b *bench, sides []*side) *Result {
	last := sides[len(sides)-1]
	out := &Result{
		Schema: Schema, Version: version.Current(), Scenario: last.loaded.Name, File: c.File, System: last.loaded.System, Seeds: c.Seeds,
		Assumptions: append([]Assumption{}, last.assumed...), Notes: append([]string{}, last.notes...), Planned: b.planned, Done: b.done,
	}
	for _, s := range sides {
		out.Sides = append(out.Sides, s.result(c))
	}
	now := &out.Sides[len(out.Sides)-1]
	out.conclude()
	if began := now.Losses[0].Began; began == "yellow" || began == "red" {
		out.Notes = append([]string{fmt.Sprintf("the cluster is %s before anything is lost; it is planned from there", began)}, out.Notes...)
	}
	if b.kept != nil {
		out.Reused = b.reused
		if n := b.kept.damaged.Load(); n > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%d runs that were kept in %s were damaged, and made again", n, c.Cache))
		}
	}
	return out
}

// report makes the run of the worst loss once more, or one of every loss, and hands over all
// that it left.
func (c *Config) report(ctx context.Context, out *Result, s *side) error {
	if c.Report == nil {
		return nil
	}
	now := &out.Sides[len(out.Sides)-1]
	worst := now.worst()
	for l := range now.Losses {
		m := &now.Losses[l]
		if m != worst && !c.Reports || len(m.Runs) == 0 {
			continue
		}
		res, err := s.runOf(ctx, c, s.losses[l], uint64(m.worst+1))
		if err != nil {
			return err
		}
		m.Report = folderName(m.String())
		if err := c.Report(m.Report, res); err != nil {
			return err
		}
	}
	return nil
}

// folderName is a text that any file system takes.
func folderName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, text)
}

// worst is the loss that does most to the cluster; nil where none was run.
func (s *Side) worst() *Measured {
	var worst *Measured
	for i := range s.Losses {
		if m := &s.Losses[i]; m.Verdict != "" && len(m.Runs) > 0 && (worst == nil || m.worse(worst)) {
			worst = m
		}
	}
	return worst
}

// conclude takes the verdict and the headline from the last side.
func (r *Result) conclude() {
	now := &r.Sides[len(r.Sides)-1]
	r.Verdict, r.Headline = now.Verdict, now.headline()
}

// headline is the worst loss in words.
func (s *Side) headline() string {
	worst := s.worst()
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
