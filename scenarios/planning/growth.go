package planning

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios"
)

const (
	// lookAhead is how many days growth is followed where nobody says.
	lookAhead = 365
	// watchedLosses of each kind are tried on every day of growth: those that were worst on the
	// first day. All of a kind are where there are no more.
	watchedLosses = 3
)

// Growth is what becomes of the objectives while the data grows.
type Growth struct {
	// How says in words what grows, and how that is known.
	How   []string `json:"how"`
	From  string   `json:"from,omitempty"` // the day of day 0; "" nobody told
	Until int      `json:"until_days"`
	// Breaks are the objectives with the losses that they are for, in order.
	Breaks []Break `json:"breaks"`
	// Days are those that were simulated, in order.
	Days []Day `json:"days"`
	// Watched are the losses that were tried on each.
	Watched []string `json:"watched"`
	Notes   []string `json:"notes"`
}

// Break is the day on which an objective first isn't met.
type Break struct {
	Objective string `json:"objective"`
	After     string `json:"after"` // a kind of loss, or nothing
	// Day is the first on which it isn't met; null: it is met on all that were looked at.
	Day  *int   `json:"day"`
	Date string `json:"date,omitempty"`
	// Limit is what binds then.
	Limit string `json:"limit,omitempty"`
	// Before and Then are the worst outcomes of the day before and of that day.
	Before *scenarios.Outcome `json:"day_before,omitempty"`
	Then   *scenarios.Outcome `json:"that_day,omitempty"`
	Loss   string             `json:"loss,omitempty"`
	// Tag is how sure the day is: derived, or assumed where the growth or what the objective is
	// about is.
	Tag string `json:"tag"`
	// Confirmed says that both days were simulated with all seeds.
	Confirmed bool `json:"confirmed"`
	// Reason is why the day is not known, where it isn't.
	Reason string `json:"reason,omitempty"`
}

// Day is a day of growth as it was simulated.
type Day struct {
	Day   int    `json:"day"`
	Date  string `json:"date,omitempty"`
	Bytes int64  `json:"bytes"`     // in all copies
	Tag   string `json:"bytes_tag"` // how sure that is
	// Disk is the fullest disk after the worst loss of each kind, in percent; null where none was
	// seen. The first kind is nothing.
	Disk []KindFigure `json:"disk"`
	// Refused is why the cluster does not even hold the data.
	Refused string `json:"refused,omitempty"`
}

// KindFigure is a figure of the worst loss of a kind.
type KindFigure struct {
	Kind  string   `json:"kind"`
	Value *float64 `json:"value"`
	Tag   string   `json:"tag"`
}

// outlook follows the objectives of a side through the days.
type outlook struct {
	c       *Config
	b       *bench
	s       *side // as it is today, its runs made
	model   *growthModel
	watched []Loss
	days    map[int]*side
}

// growth finds out when each objective first breaks; nil where nothing grows.
func (c *Config) growth(ctx context.Context, b *bench, s *side) (*Growth, error) {
	g := s.loaded.Growth
	if g == nil && c.Earlier == "" {
		return nil, nil
	}
	model, err := c.modelOf(s)
	if err != nil {
		return nil, err
	}
	o := &outlook{c: c, b: b, s: s, model: model, watched: s.watched(), days: map[int]*side{}}
	until := lookAhead
	if g != nil && g.Until > 0 {
		until = int(g.Until)
	}
	out := &Growth{How: model.how, Until: until, Notes: model.notes, Breaks: []Break{}}
	if from, known := s.loaded.Start(); known {
		out.From = from.Format(time.DateOnly)
	}
	for _, l := range o.watched {
		out.Watched = append(out.Watched, l.String())
	}
	err = o.follow(ctx, out)
	out.Days = o.seen(out.From)
	return out, err
}

// watched are the losses that are tried on every day: nothing, and of each kind of which
// objectives speak those that were worst today.
func (s *side) watched() []Loss {
	result := s.result(&Config{})
	var out []Loss
	kinds := []string{}
	for _, l := range s.losses {
		asked := slices.ContainsFunc(s.objectives, func(o objective) bool { return o.after(l) })
		if (asked || l.Kind == Nothing) && !slices.Contains(kinds, l.Kind) {
			kinds = append(kinds, l.Kind)
		}
	}
	for _, k := range kinds {
		var all []*Measured
		for i := range result.Losses {
			if result.Losses[i].Kind == k {
				all = append(all, &result.Losses[i])
			}
		}
		slices.SortStableFunc(all, func(a, b *Measured) int {
			switch {
			case a.worse(b):
				return -1
			case b.worse(a):
				return 1
			}
			return 0
		})
		for _, m := range all[:min(len(all), watchedLosses)] {
			out = append(out, m.Loss)
		}
	}
	return out
}

// follow looks at some days, further and further apart, and between two of which one is well
// and the other is not for the first that isn't.
func (o *outlook) follow(ctx context.Context, out *Growth) error {
	grid := []int{0}
	for d := 7; d < out.Until; d *= 2 {
		grid = append(grid, d)
	}
	grid = append(grid, out.Until)
	for _, d := range grid {
		if _, err := o.day(ctx, d, 1); err != nil {
			return err
		}
	}
	for i := range o.s.objectives {
		for _, k := range o.s.objectives[i].kinds {
			if !slices.ContainsFunc(o.watched, func(l Loss) bool { return l.Kind == k }) {
				continue
			}
			b, err := o.find(ctx, i, k, grid)
			if err != nil {
				return err
			}
			out.Breaks = append(out.Breaks, b.dated(out.From))
		}
	}
	return nil
}

// find is the first day on which an objective isn't met after a kind of loss.
func (o *outlook) find(ctx context.Context, objective int, kind string, grid []int) (Break, error) {
	ob := &o.s.objectives[objective]
	out := Break{Objective: ob.name, After: kind, Tag: o.model.tag(o.s.tags.of(ob))}
	first := slices.IndexFunc(grid, func(d int) bool { return o.verdict(d, objective, kind).Verdict != scenarios.Pass })
	if first < 0 {
		first = len(grid) // it may be another seed that breaks it
	}
	seeds, low, high := 1, -1, grid[len(grid)-1]+1
	if first < len(grid) {
		high = grid[first]
	}
	if first > 0 {
		low = grid[first-1]
	}
	for {
		for high-low > 1 && high <= grid[len(grid)-1] {
			mid := low + (high-low)/2
			if _, err := o.day(ctx, mid, seeds); err != nil {
				return out, err
			}
			if o.verdict(mid, objective, kind).Verdict == scenarios.Pass {
				low = mid
			} else {
				high = mid
			}
		}
		before, then := min(high, grid[len(grid)-1]+1)-1, high
		for _, d := range []int{before, then} {
			if d < 0 || d > grid[len(grid)-1] {
				continue
			}
			if _, err := o.day(ctx, d, o.c.Seeds); err != nil {
				return out, err
			}
		}
		if before < 0 || o.verdict(before, objective, kind).Verdict == scenarios.Pass {
			o.tell(&out, objective, kind, then, grid[len(grid)-1])
			return out, nil
		}
		// Another seed breaks it sooner: once more with all of them.
		seeds, low, high = o.c.Seeds, -1, before
	}
}

// tell writes down what was found of a day and the one before.
func (o *outlook) tell(b *Break, objective int, kind string, day, last int) {
	if day > last {
		return // it holds
	}
	then := o.verdict(day, objective, kind)
	if then.Verdict == scenarios.Unknown {
		b.Reason = fmt.Sprintf("day %d could not be decided: %s", day, then.Reason)
		return
	}
	b.Day, b.Confirmed, b.Loss, b.Then = &day, true, then.loss, then.Outcome
	b.Limit = o.limit(day, objective, then)
	if day > 0 {
		before := o.verdict(day-1, objective, kind)
		b.Before = before.Outcome
	}
}

// dated adds the date of a day.
func (b Break) dated(from string) Break {
	if b.Day != nil {
		b.Date = dateOf(from, *b.Day)
	}
	return b
}

// dateOf is the date so many days after another; "" where nobody told which.
func dateOf(from string, day int) string {
	start, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return ""
	}
	return start.AddDate(0, 0, day).Format(time.DateOnly)
}

// day makes the runs of a day with so many seeds.
func (o *outlook) day(ctx context.Context, day, seeds int) (*side, error) {
	s := o.days[day]
	if s == nil {
		var err error
		if s, err = o.grown(day); err != nil {
			return nil, err
		}
		o.days[day] = s
	}
	what := fmt.Sprintf("day %d of growth", day)
	return s, o.b.run(ctx, what, s.cells(seeds, nil))
}

// grown is the side on a day.
func (o *outlook) grown(day int) (*side, error) {
	s := *o.s
	s.runs, s.losses, s.label = nil, o.watched, fmt.Sprintf("day %d", day)
	loaded := *o.s.loaded
	var failed error
	loaded.Amend(func(sc *scenarios.Scenario) {
		if err := o.model.grow(sc, day); err != nil {
			failed = err
		}
	})
	s.loaded, s.mayRefuse = &loaded, true
	return &s, failed
}

// judgedOn is the worst outcome of a day.
type judgedOn struct {
	*scenarios.Outcome
	Verdict scenarios.Verdict
	Reason  string
	loss    string
	seen    *sight
}

// verdict is that of an objective after a kind of loss on a day, over the runs that were made.
func (o *outlook) verdict(day, objective int, kind string) judgedOn {
	out := judgedOn{Verdict: scenarios.Pass}
	s := o.days[day]
	if s == nil {
		return judgedOn{Verdict: scenarios.Unknown, Reason: "it was not simulated"}
	}
	for l, loss := range s.losses {
		if loss.Kind != kind {
			continue
		}
		for _, r := range s.runs[l] {
			if r == nil {
				continue
			}
			for _, got := range s.outcomes(r, loss, objective) {
				if out.Outcome == nil || moreTelling(got, *out.Outcome) {
					out = judgedOn{&got, got.Verdict, got.Reason, loss.String(), &r.Seen}
				}
			}
		}
	}
	if out.Outcome == nil {
		return judgedOn{Verdict: scenarios.Unknown, Reason: "no run decided it"}
	}
	return out
}

// seen are the days that were simulated, in order.
func (o *outlook) seen(from string) []Day {
	var days []int
	for d := range o.days {
		days = append(days, d)
	}
	slices.Sort(days)
	out := []Day{}
	for _, d := range days {
		s := o.days[d]
		day := Day{Day: d, Date: dateOf(from, d), Bytes: bytesOf(s.loaded.Scenario), Tag: o.model.tag(s.tags.bytes)}
		for l, loss := range s.losses {
			i := slices.IndexFunc(day.Disk, func(f KindFigure) bool { return f.Kind == loss.Kind })
			if i < 0 {
				day.Disk = append(day.Disk, KindFigure{Kind: loss.Kind, Tag: o.model.tag(s.tags.disks)})
				i = len(day.Disk) - 1
			}
			for _, r := range s.runs[l] {
				if r == nil {
					continue
				}
				if r.Seen.Refused != "" {
					day.Refused = r.Seen.Refused
				}
				if f := &day.Disk[i]; r.Seen.Peak.Node != "" && (f.Value == nil || r.Seen.Peak.Percent > *f.Value) {
					f.Value = scenarios.Number(r.Seen.Peak.Percent)
				}
			}
		}
		out = append(out, day)
	}
	return out
}

// grows takes in what growth does, and judges whether the objectives hold for as long as they
// must.
func (r *Result) grows(g *Growth, asked *scenarios.GrowthSection, interrupted bool) {
	if g == nil {
		return
	}
	r.Growth = g
	r.Notes = append(r.Notes, g.Notes...)
	now := &r.Sides[len(r.Sides)-1]
	if asked != nil && asked.Holds > 0 {
		holds := int(asked.Holds)
		for _, b := range g.Breaks {
			now.Objectives = append(now.Objectives, b.judged(holds))
			now.Verdict = worse(now.Verdict, now.Objectives[len(now.Objectives)-1].Verdict)
		}
		if interrupted {
			now.Verdict = worse(now.Verdict, scenarios.Unknown)
			r.Notes = append(r.Notes, "growth was not followed to its end")
		}
	}
	r.conclude()
	if first := g.first(); first != nil {
		r.Headline += "; " + first.words()
	}
}

// first is the objective that breaks first; nil where none does.
func (g *Growth) first() *Break {
	var out *Break
	for i := range g.Breaks {
		if b := &g.Breaks[i]; b.Day != nil && (out == nil || *b.Day < *out.Day) {
			out = b
		}
	}
	return out
}

// When is the day of a break as people say it.
func (b *Break) When() string {
	switch {
	case b.Day == nil && b.Reason != "":
		return "unknown"
	case b.Day == nil:
		return "not while it was looked ahead"
	case *b.Day == 0:
		return "today"
	case b.Date != "":
		return fmt.Sprintf("%s (day %d)", b.Date, *b.Day)
	}
	return fmt.Sprintf("day %d", *b.Day)
}

// words is a break in a sentence.
func (b *Break) words() string {
	after := "while nothing is lost"
	if b.After != Nothing {
		after = "after the loss of a " + b.After
		if b.Loss != "" {
			after = "after " + b.Loss
		}
	}
	return fmt.Sprintf("first broken %s: %s %s (%s)", b.When(), b.Objective, after, b.Limit)
}

// judged is whether the objective is met for so many days.
func (b *Break) judged(holds int) Judged {
	out := Judged{Name: fmt.Sprintf("%s for %d days, after %s", b.Objective, holds, b.After), After: []string{b.After}, Verdict: scenarios.Pass, Loss: b.Loss, Outcome: b.Then}
	out.Reason = "met on every day that was looked at until then"
	switch {
	case b.Day != nil && *b.Day < holds:
		out.Verdict, out.Reason = scenarios.Fail, b.words()
	case b.Reason != "":
		out.Verdict, out.Reason, out.Outcome = scenarios.Unknown, b.Reason, nil
	default:
		out.Outcome, out.Loss = nil, ""
	}
	return out
}
