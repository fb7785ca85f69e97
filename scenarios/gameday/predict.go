package gameday

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/scenarios"
)

// every is the distance between two moments of a band.
const every = time.Second

// Band is between what a figure is, second by second of the plan, in all simulated runs.
type Band struct {
	Figure string    `json:"figure"`
	About  string    `json:"about"`
	Unit   string    `json:"unit,omitempty"`
	Lo     []float64 `json:"lo"`
	Hi     []float64 `json:"hi"`
}

// Prediction is what simulated runs of a scenario showed.
type Prediction struct {
	Seeds    int            `json:"seeds"`
	Verdicts map[string]int `json:"verdicts"`
	// Failing are the expectations that failed in some runs, with how many.
	Failing []string `json:"failing,omitempty"`
	// Touched are the guardrails that a simulated run would have touched: the worst case is
	// beyond them.
	Touched  []string   `json:"touched,omitempty"`
	Bands    []Band     `json:"bands"`
	Outcomes []Expected `json:"expected"`
}

// Expected is an expectation's figure over all simulated runs.
type Expected struct {
	Name string  `json:"name"`
	Unit string  `json:"unit,omitempty"`
	Lo   float64 `json:"lo"`
	Mid  float64 `json:"median"`
	Hi   float64 `json:"hi"`
}

// Predict simulates a scenario with the seeds 1 to the section's, several at once, and sums
// up what they showed. The same runs give the same prediction, whoever ran first.
func Predict(ctx context.Context, s *scenarios.Loaded, atOnce int, run func(ctx context.Context, seed uint64) (*scenarios.Result, error), progress func(done, all int)) (*Prediction, error) {
	n := s.Gameday.Seeds
	results := make([]*scenarios.Result, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	done := make(chan struct{}, n)
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil { // a halt waits for none that has not begun
				return err
			}
			res, err := run(ctx, uint64(i+1))
			if err != nil {
				return fmt.Errorf("seed %d: %w", i+1, err)
			}
			if res.Aborted != nil {
				return fmt.Errorf("seed %d: %w", i+1, res.Aborted)
			}
			results[i] = res
			done <- struct{}{}
			progress(len(done), n)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("predicting: %w", err)
	}
	return predictionOf(s.Gameday, results), nil
}

func predictionOf(g *scenarios.GamedaySection, results []*scenarios.Result) *Prediction {
	p := &Prediction{Seeds: len(results), Verdicts: map[string]int{}}
	slack := 5 * time.Second
	if g.Departure != nil {
		slack = g.Departure.Slack.D()
	}
	failing, touched := map[string]int{}, map[string]int{}
	for _, r := range results {
		p.Verdicts[string(r.Verdict)]++
		for _, o := range r.Outcomes {
			if o.Verdict == scenarios.Fail {
				failing[o.Name]++
			}
		}
		for _, e := range g.Guardrails {
			for _, o := range e.Judge(r.History) {
				if o.Verdict == scenarios.Fail {
					touched[o.Name]++
				}
			}
		}
	}
	p.Failing, p.Touched = counted(failing, len(results)), counted(touched, len(results))
	for _, f := range Figures() {
		if b, ok := bandOf(f, results, slack); ok {
			p.Bands = append(p.Bands, b)
		}
	}
	p.Outcomes = expected(results)
	return p
}

func counted(by map[string]int, of int) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(by)) {
		out = append(out, fmt.Sprintf("%s (%d of %d)", name, by[name], of))
	}
	return out
}

func bandOf(f Figure, results []*scenarios.Result, slack time.Duration) (Band, bool) {
	b := Band{Figure: f.Name, About: f.About, Unit: f.Unit}
	var tracks []track
	var length time.Duration
	for _, r := range results {
		t := f.track(r.History)
		if len(t) == 0 {
			return b, false
		}
		tracks = append(tracks, t)
		length = max(length, r.History.Closed)
	}
	for at := time.Duration(0); at <= length; at += every {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, t := range tracks {
			if l, h, ok := t.between(at-slack, at+slack); ok {
				lo, hi = min(lo, l), max(hi, h)
			}
		}
		if lo > hi { // nothing was seen yet
			lo, hi = 0, 0
		}
		b.Lo, b.Hi = append(b.Lo, round(lo)), append(b.Hi, round(hi))
	}
	return b, len(b.Lo) > 0
}

func round(v float64) float64 { return math.Round(float64(v*1000)) / 1000 }

// expected are the figures of the expectations, in the order of the first run.
func expected(results []*scenarios.Result) (out []Expected) {
	by := map[string][]float64{}
	for _, r := range results {
		for _, o := range r.Outcomes {
			if o.Observed != nil {
				by[o.Name] = append(by[o.Name], *o.Observed)
			}
		}
	}
	for _, o := range results[0].Outcomes {
		if v := slices.Sorted(slices.Values(by[o.Name])); len(v) > 0 {
			out = append(out, Expected{o.Name, o.Unit, v[0], v[len(v)/2], v[len(v)-1]})
			delete(by, o.Name)
		}
	}
	return out
}

// Departs says how a later prediction of the same plan is another one: expectations or
// guardrails that fail now and did not, or the other way round, and figures whose ranges no
// longer meet, though each is widened by a quarter.
func (p *Prediction) Departs(later *Prediction) (how []string) {
	names := func(of []string) []string {
		var out []string
		for _, s := range of {
			name, _, _ := strings.Cut(s, " (")
			out = append(out, name)
		}
		return out
	}
	if a, b := names(p.Failing), names(later.Failing); !slices.Equal(a, b) {
		how = append(how, fmt.Sprintf("expectations that fail in some runs: [%s], were [%s]", strings.Join(b, ", "), strings.Join(a, ", ")))
	}
	if a, b := names(p.Touched), names(later.Touched); !slices.Equal(a, b) {
		how = append(how, fmt.Sprintf("guardrails that some runs touch: [%s], were [%s]", strings.Join(b, ", "), strings.Join(a, ", ")))
	}
	for _, was := range p.Outcomes {
		i := slices.IndexFunc(later.Outcomes, func(e Expected) bool { return e.Name == was.Name })
		if i < 0 {
			how = append(how, was.Name+" has no figure any more")
			continue
		}
		is := later.Outcomes[i]
		if is.Lo > was.Hi+was.Hi/4 || was.Lo > is.Hi+is.Hi/4 {
			how = append(how, fmt.Sprintf("%s: %.4g to %.4g %s, was %.4g to %.4g", was.Name, is.Lo, is.Hi, is.Unit, was.Lo, was.Hi))
		}
	}
	return how
}

// band is the one of a figure, nil where it was not predicted.
func (p *Prediction) band(figure string) *Band {
	for i := range p.Bands {
		if p.Bands[i].Figure == figure {
			return &p.Bands[i]
		}
	}
	return nil
}

// at are the ends of the band at a moment of the plan; after its end, those of the end.
func (b *Band) at(plan time.Duration) (lo, hi float64) {
	i := min(max(int(plan/every), 0), len(b.Lo)-1)
	return b.Lo[i], b.Hi[i]
}
