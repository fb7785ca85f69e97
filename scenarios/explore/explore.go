package explore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// Config is what to explore, and for how long.
type Config struct {
	Scenario *scenarios.Loaded
	// Vocabulary is the one that the scenario was read with.
	Vocabulary scenarios.Vocabulary
	// Play runs a scenario with a seed. It is called by several workers at once.
	Play func(ctx context.Context, s *scenarios.Loaded, seed uint64) (*scenarios.Result, error)
	// Watch is Play that tells of every event of the run, too; nil: what plans would not touch
	// is not known, and all are run.
	Watch func(ctx context.Context, s *scenarios.Loaded, seed uint64, tell func(scenarios.Event)) (*scenarios.Result, error)
	Seed  uint64
	// Plans is how many are tried, 0: no limit. For ends the search after the round in which
	// it is over; 0: no limit.
	Plans int
	For   time.Duration
	// First ends the search with the round in which a plan broke something.
	First bool
	// Workers is how many runs there are at once.
	Workers int
	// Seeds is with how many other seeds a plan that was found is tried, Tries how many runs
	// its shrinking may take.
	Seeds, Tries int
	// Corpus is what is run before anything is drawn.
	Corpus []*scenarios.Loaded
	// Own are claims beside those of the file, which the vocabulary knows as expectations.
	Own []OwnClaim
	// OwnParts: the scenario may name faults or expectations that only this program knows, so that
	// no test of a line can run what is found.
	OwnParts bool
	// Confirm tries what was found on another backend; nil: it is not tried.
	Confirm *Confirmation
	// Progress is told how far the search is, by one worker at a time; nil: silence.
	Progress func(Progress)
}

// Progress is how far a search is.
type Progress struct {
	Plans, Found int
	// Doing says what is done beside drawing plans; "" for nothing.
	Doing string
	// Left is how long it will take yet; -1: nobody knows.
	Left time.Duration
}

// RoundSize is how many plans a round has.
const RoundSize = 20

// Counts are how many plans came to what.
type Counts struct {
	Held      int `json:"held"`
	Broke     int `json:"broke"`
	Undecided int `json:"undecided"`
	// Crashed ended with an error, which is a defect of Shardquake.
	Crashed int `json:"crashed"`
	// Skipped were not run, for none of their faults touches anything, as the run without a
	// fault shows.
	Skipped int `json:"skipped,omitempty"`
}

// All are the plans altogether.
func (c Counts) All() int { return c.Held + c.Broke + c.Undecided + c.Crashed + c.Skipped }

func (c *Counts) add(o outcome) {
	switch o {
	case held:
		c.Held++
	case broke:
		c.Broke++
	case undecided:
		c.Undecided++
	case crashed:
		c.Crashed++
	}
}

// Result is what a search came to; as JSON it is explore.json.
type Result struct {
	Schema   string        `json:"schema"`
	Version  version.Build `json:"version"`
	Scenario string        `json:"scenario"`
	System   string        `json:"system"`
	Seed     uint64        `json:"seed"`
	Budget   Bounds        `json:"budget"`
	Claims   []Asked       `json:"claims"`
	// Rounds are those that were run to their end.
	Rounds int    `json:"rounds"`
	Plans  Counts `json:"plans"`
	// Runs are all, with those for shrinking and with other seeds.
	Runs     int        `json:"runs"`
	Replayed []Replayed `json:"replayed,omitempty"`
	Found    []*Find    `json:"found"`
	// Undecided are the first reasons for which plans could not be judged, and Crashes the
	// first plans that ended with an error.
	Undecided []Trouble `json:"undecided,omitempty"`
	Crashes   []Trouble `json:"crashes,omitempty"`
	Coverage  Coverage  `json:"coverage"`
	// Ways are what the ways of drawing plans came to, which share the rounds by that.
	Ways []WayCount `json:"ways"`
	// Aborted: the search was interrupted, and this is what it had until then.
	Aborted bool `json:"aborted,omitempty"`

	ownParts bool // files of it need parts that only the program knows
}

// Asked is a claim that plans were asked about, and what it came to. Idle are the plans that had
// nothing of it to judge; the rest were not asked at all.
type Asked struct {
	Claim     string `json:"claim"`
	Held      int    `json:"held"`
	Broke     int    `json:"broke"`
	Undecided int    `json:"undecided"`
	Idle      int    `json:"idle"`
}

func (c *Asked) add(came outcome) {
	switch came {
	case held:
		c.Held++
	case broke:
		c.Broke++
	case undecided:
		c.Undecided++
	case idle:
		c.Idle++
	}
}

// Bounds are the budget of a search, for the record.
type Bounds struct {
	Kinds     []string `json:"kinds"`
	Most      int      `json:"most"`
	AtOnce    int      `json:"at_once"`
	NodesDown int      `json:"nodes_down"`
	ZonesDown int      `json:"zones_down,omitempty"`
	Span      string   `json:"span"`
	Shortest  string   `json:"shortest"`
	Longest   string   `json:"longest"`
}

// Trouble is a plan that came to nothing.
type Trouble struct {
	// Nth is its number, from 1 on.
	Nth  int        `json:"nth"`
	Plan chaos.Plan `json:"plan"`
	Seed uint64     `json:"seed"`
	Why  string     `json:"why"`
}

// mostTroubles bounds those that are kept.
const mostTroubles = 5

// Broken is how many claims were broken: found in this search, or by a file of the corpus. That a
// run ended with an error is no claim's.
func (r *Result) Broken() int {
	n := 0
	for _, f := range r.Found {
		if !f.Crash {
			n++
		}
	}
	for _, p := range r.Replayed {
		if p.Verdict == scenarios.Fail {
			n++
		}
	}
	return n
}

// Search explores. The error is that of a scenario that can't be run at all; an
// interrupted search has a result.
func Search(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Plans == 0 && cfg.For == 0 {
		return nil, errors.New("a search needs a number of plans or a time")
	}
	s, err := newSearch(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Confirm != nil {
		if err := cfg.Confirm.confirmable(ctx, cfg.Scenario); err != nil {
			return nil, err
		}
	}
	if err := s.unfaulted(); err != nil {
		if ctx.Err() == nil {
			return nil, err
		}
		s.result.Aborted = true
		return s.done(), nil
	}
	s.replay()
	for round := 0; s.more(); round++ {
		if err := s.round(round); err != nil {
			return nil, err
		}
	}
	if err := s.confirm(); err != nil {
		return nil, err
	}
	s.result.Aborted = ctx.Err() != nil
	return s.done(), nil
}

// more reports whether there is to be another round.
func (s *search) more() bool {
	switch {
	case s.ctx.Err() != nil:
		return false
	case s.cfg.First && (s.result.Plans.Broke > 0 || s.result.Plans.Crashed > 0):
		return false
	case s.cfg.Plans > 0 && s.drawn >= s.cfg.Plans:
		return false
	}
	return s.cfg.For == 0 || s.since() < s.cfg.For
}

// round draws a round's plans, runs them, and takes in what they came to.
func (s *search) round(number int) error {
	proposals := s.generator.Round(number, s.portfolio.begins(), s.corpus)
	if s.cfg.Plans > 0 {
		proposals = proposals[:min(len(proposals), s.cfg.Plans-s.drawn)]
	}
	first := s.drawn
	s.drawn += len(proposals)
	digests := make([]*digest, len(proposals))
	s.each(len(proposals), func(i int) {
		if s.calm.untouched(proposals[i].Plan) {
			s.tell(&digest{})
			return
		}
		digests[i] = s.run(proposals[i].Plan, s.cfg.Seed+uint64(first+i))
		s.tell(digests[i])
	})
	before := s.known()
	var found []*Find
	whole := true
	for i, d := range digests {
		if s.ctx.Err() == nil && s.calm.untouched(proposals[i].Plan) {
			s.result.Plans.Skipped++
			s.portfolio.skipped(proposals[i].Way)
			continue
		}
		if d == nil { // interrupted, or nothing to run
			whole = whole && len(proposals[i].Plan.Entries) == 0
			continue
		}
		fresh, finds := before.lacks(d)
		s.portfolio.came(proposals[i].Way, fresh, finds)
		found = append(found, s.take(proposals[i], d)...)
	}
	s.portfolio.shares.Rounded()
	s.result.Coverage.grow(s.result.Plans.All())
	if whole {
		s.result.Rounds++
	}
	errs := make([]error, len(found))
	s.each(len(found), func(i int) { errs[i] = s.pursue(found[i]) })
	return errors.Join(errs...)
}

// take enters what a plan came to, and returns what it is the first to break.
func (s *search) take(p plans.Proposal, d *digest) []*Find {
	r := s.result
	r.Plans.add(d.outcome)
	for _, c := range d.claims {
		r.Claims[c.claim].add(c.came)
	}
	nth := r.Plans.All()
	trouble := Trouble{nth, p.Plan, d.seed, d.why}
	switch {
	case d.outcome == undecided && len(r.Undecided) < mostTroubles:
		r.Undecided = append(r.Undecided, trouble)
	case d.outcome == crashed && len(r.Crashes) < mostTroubles:
		r.Crashes = append(r.Crashes, trouble)
	}
	var found []*Find
	switch {
	case d.outcome != crashed || len(s.under(p.Plan).Expect) == 0: // a file has to expect something
	case s.crash != nil:
		s.crash.Plans++
	default:
		s.crash = &Find{
			Claim: "no run ends with an error", Crash: true, Name: s.cfg.Scenario.Name + "-ends-with-an-error", Way: p.Way, Seed: d.seed,
			First: p.Plan, Plan: p.Plan, Plans: 1, Nth: nth, claim: crashes,
		}
		r.Found = append(r.Found, s.crash)
		found = append(found, s.crash)
	}
	if r.Coverage.add(d.reached, d.outcome) {
		s.corpus = append(s.corpus, p.Plan)
	}
	for _, i := range d.broken {
		c := s.claims[i]
		if f := c.found; f != nil {
			f.Plans++
			continue
		}
		if c.known {
			continue
		}
		c.found = &Find{Claim: c.text, Name: c.name, Way: p.Way, Seed: d.seed, First: p.Plan, Plan: p.Plan, Plans: 1, Nth: nth, claim: i}
		r.Found = append(r.Found, c.found)
		found = append(found, c.found)
	}
	return found
}

// done is the result at the end.
func (s *search) done() *Result {
	s.result.Runs, s.result.Ways = s.runs, s.portfolio.counts
	s.result.Coverage.finish(s.result.Budget.Kinds)
	return s.result
}

// newResult is the result of a search that has not begun.
func newResult(cfg Config) *Result {
	return &Result{
		Schema: reports.ExploreSchema, Version: version.Current(), Scenario: cfg.Scenario.Name, System: cfg.Scenario.System, Seed: cfg.Seed,
		Found: []*Find{}, ownParts: cfg.OwnParts,
	}
}

// describe is a plan on one line.
func describe(p chaos.Plan) string {
	out := ""
	for i, e := range p.Entries {
		if i > 0 {
			out += ", "
		}
		if e.Trigger != nil {
			out += e.Fault.Kind() + " " + e.Trigger.String()
			continue
		}
		out += fmt.Sprintf("%s at %s", e.Fault.Kind(), e.At)
	}
	return out
}
