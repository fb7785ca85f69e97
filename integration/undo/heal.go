package undo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos/journal"
)

// Heal undoes what a journal has open, last first, notes what it has undone, and returns how
// much is left. Dry, it only tells.
func Heal(ctx context.Context, path string, dry bool, tell func(format string, args ...any)) (left int, err error) {
	if dry {
		r, err := journal.ReadFile(path)
		if err != nil {
			return 0, err
		}
		for _, e := range slices.Backward(r.Open) {
			tell("%s", e.What)
			for _, s := range e.Undo {
				tell("  %s", s)
			}
		}
		tell("%d of %d begun would be undone", len(r.Open), r.Begun)
		return 0, nil
	}
	j, r, err := journal.Reopen(path)
	if err != nil {
		return 0, err
	}
	defer j.Close() //nolint:errcheck // every line was brought to the disk
	for _, n := range r.Torn {
		tell("line %d is cut off and left out: what it was to say had not been done yet, or will be undone once more", n)
	}
	for _, e := range slices.Backward(r.Open) {
		if err := Do(ctx, e); err != nil {
			tell("not undone: %s: %v", e.What, err)
			left++
			continue
		}
		if is, err := Look(ctx, e); err != nil || len(is) > 0 {
			tell("undone, but something is left: %s: %s%s", e.What, strings.Join(is, ", "), because(err))
			left++
			continue
		}
		if err := j.Undone(e.On, "heal"); err != nil {
			return left, err
		}
		tell("undone: %s", e.What)
	}
	if len(r.Open) == 0 {
		tell("nothing is in force: %d begun, %d undone", r.Begun, r.Undone)
	}
	return left, nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(" (%v)", err)
}
