package plans

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
)

// Shrunk is what became of a plan that failed.
type Shrunk struct {
	Plan chaos.Plan
	// Runs is how often a plan was tried.
	Runs int
	// Minimal: without any one of the faults that are left it does not fail. It is false when
	// the runs were used up before that was known.
	Minimal bool
}

// Shrink makes a plan that fails as small as it can with at most so many tries. fails tells
// whether a plan fails in the same way; it is not asked twice about one that does not.
func Shrink(plan chaos.Plan, fails func(chaos.Plan) bool, most int) Shrunk {
	s := &shrinker{fails: fails, most: most, held: map[string]bool{}}
	entries := s.drop(slices.Clone(plan.Entries))
	entries, minimal := s.oneMinimal(entries)
	entries = s.simplify(entries)
	return Shrunk{chaos.Plan{Entries: entries}, s.runs, minimal}
}

type shrinker struct {
	fails func(chaos.Plan) bool
	most  int
	runs  int
	held  map[string]bool // plans that did not fail, by their text
}

// try reports whether a plan still fails; false when no tries are left.
func (s *shrinker) try(entries []chaos.Entry) bool {
	if len(entries) == 0 || s.runs >= s.most {
		return false
	}
	text, err := json.Marshal(entries)
	if err != nil || s.held[string(text)] {
		return false
	}
	s.runs++
	if s.fails(chaos.Plan{Entries: slices.Clone(entries)}) {
		return true
	}
	s.held[string(text)] = true
	return false
}

// counted is an entry, by its place in the plan, and how often it could not be dropped.
type counted struct {
	place, kept int
}

// setSizes are how many faults to drop at once that were kept so often: as many as make the
// drop that succeeds largest on average, -1/ln(1-p), if each is needed with a probability p
// of 0.1 at first and 1/(1-1/e) times as much each time that a set with it could not go.
var setSizes = [...]int{9, 5, 3, 1}

func setSize(kept int) int { return setSizes[min(kept, len(setSizes)-1)] }

// drop is counter-based delta debugging: faults are dropped in sets, smaller ones the more
// often their members could not be dropped, those first that were kept least.
func (s *shrinker) drop(entries []chaos.Entry) []chaos.Entry {
	left := make([]counted, len(entries))
	for i := range left {
		left[i].place = i
	}
	for s.runs < s.most {
		slices.SortStableFunc(left, func(a, b counted) int { return a.kept - b.kept })
		size := min(setSize(left[0].kept), len(left)-1)
		if size < 1 || left[0].kept > 0 && setSize(left[0].kept-1) == 1 {
			break // each was tried alone
		}
		rest := pick(entries, left[size:])
		if s.try(rest) {
			left = left[size:]
			continue
		}
		for i := range size {
			left[i].kept++
		}
	}
	return pick(entries, left)
}

// pick are the entries of places, in the plan's order.
func pick(entries []chaos.Entry, of []counted) []chaos.Entry {
	places := make([]int, len(of))
	for i, c := range of {
		places[i] = c.place
	}
	slices.Sort(places)
	out := make([]chaos.Entry, len(places))
	for i, p := range places {
		out[i] = entries[p]
	}
	return out
}

// oneMinimal drops single faults until none can be dropped.
func (s *shrinker) oneMinimal(entries []chaos.Entry) ([]chaos.Entry, bool) {
	kept := 0 // how many in a row could not be dropped from the present plan
	for i := 0; kept < len(entries) && len(entries) > 1; {
		if s.runs >= s.most {
			return entries, false
		}
		i %= len(entries)
		without := slices.Delete(slices.Clone(entries), i, i+1)
		if s.try(without) {
			entries, kept = without, 0
			continue
		}
		i, kept = i+1, kept+1
	}
	return entries, true
}

// simplify makes each fault shorter by halves and its time rounder, as long as the plan
// fails.
func (s *shrinker) simplify(entries []chaos.Entry) []chaos.Entry {
	for i := range entries {
		for {
			half := (entries[i].Fault.Lasts() / 2).Round(100 * time.Millisecond)
			if half < 100*time.Millisecond || half >= entries[i].Fault.Lasts() {
				break
			}
			shorter, err := entries[i], error(nil)
			if shorter.Fault, err = chaos.Lasting(shorter.Fault, half); err != nil || !s.replace(entries, i, shorter) {
				break
			}
		}
		for _, to := range []time.Duration{10 * time.Second, 5 * time.Second, time.Second} {
			rounder := entries[i]
			rounder.At = units.Duration(rounder.At.D().Round(to))
			if rounder.Trigger == nil && rounder.At != entries[i].At && s.replace(entries, i, rounder) {
				break
			}
		}
	}
	return entries
}

// replace puts another entry in the place of one if the plan still fails then.
func (s *shrinker) replace(entries []chaos.Entry, i int, by chaos.Entry) bool {
	changed := slices.Clone(entries)
	changed[i] = by
	if !s.try(changed) {
		return false
	}
	entries[i] = by
	return true
}
