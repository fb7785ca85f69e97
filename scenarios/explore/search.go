package explore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// search is an exploration at work.
type search struct {
	ctx       context.Context
	cfg       Config
	generator *plans.Generator
	portfolio *portfolio
	calm      *calm // nil: nobody watched the run without a fault
	claims    []*claim
	corpus    []chaos.Plan // of which later plans are mutants
	drawn     int          // plans until now
	crash     *Find        // the first plan that ended with an error
	result    *Result
	started   time.Time

	mu   sync.Mutex
	runs int
	told Progress
}

// claim is an entry of the file that must hold under every plan.
type claim struct {
	scenarios.Claim
	text  string // as the file has it
	alone string // the same without its scope
	name  string // of the scenario that breaks it
	// found is the first plan that breaks it; known: a file of the corpus does.
	found *Find
	known bool
}

// outcome is what a plan came to.
type outcome int

const (
	held outcome = iota
	broke
	undecided
	crashed
	idle // of a claim: there was nothing to judge
)

// gravity is what of a claim's outcomes counts: the later ones.
var gravity = []outcome{idle, held, undecided, broke}

// claimed is what a claim, by its place, came to under a plan.
type claimed struct {
	claim int
	came  outcome
}

// crashes stands for a claim's place: that no run ends with an error, which no file says.
const crashes = -1

// breaks reports whether a claim, by its place, was broken.
func (d *digest) breaks(claim int) bool {
	if claim == crashes {
		return d.outcome == crashed
	}
	return slices.Contains(d.broken, claim)
}

// digest is what is kept of a run.
type digest struct {
	outcome outcome
	seed    uint64
	broken  []int // claims, by their places
	claims  []claimed
	why     string
	reached []Reached
	result  *scenarios.Result // only where it is asked for
}

func newSearch(ctx context.Context, cfg Config) (*search, error) {
	cfg.Workers = max(1, cfg.Workers)
	s := &search{ctx: ctx, cfg: cfg, result: newResult(cfg), started: now(), portfolio: newPortfolio()}
	claims, err := claimsOf(cfg.Scenario)
	if err != nil {
		return nil, err
	}
	s.claims = withOwn(cfg.Scenario.Name, claims, cfg.Own)
	for _, c := range s.claims {
		s.result.Claims = append(s.result.Claims, Asked{Claim: c.text})
	}
	b, topology := cfg.Scenario.Budget(), cfg.Scenario.Topology()
	if s.generator, err = plans.New(cfg.Seed, b, topology); err != nil {
		return nil, fmt.Errorf("%w: %w", scenarios.ErrScenario, err)
	}
	s.result.Budget = Bounds{
		Kinds: s.generator.Kinds(), Most: b.Most, AtOnce: b.AtOnce, NodesDown: b.Ailing, ZonesDown: b.Zones,
		Span: units.FormatDuration(b.Span), Shortest: units.FormatDuration(b.Shortest), Longest: units.FormatDuration(b.Longest),
	}
	s.seedCorpus(cfg.Scenario)
	return s, nil
}

// seedCorpus makes the faults of a scenario one of the plans that others are mutants of.
func (s *search) seedCorpus(l *scenarios.Loaded) {
	timed := !slices.ContainsFunc(l.Faults, func(e chaos.Entry) bool { return e.Trigger != nil || e.Until != "" })
	if timed && len(l.Faults) > 0 && l.System == s.cfg.Scenario.System {
		p := chaos.Plan{Entries: l.Faults}
		if len(p.Check(s.cfg.Scenario.Topology(), s.cfg.Scenario.Duration.D())) == 0 {
			s.corpus = append(s.corpus, p)
		}
	}
}

// under is the scenario under a plan, with those of the claims that make sense of it. The
// line of an expectation is the place of its claim, so that outcomes can be told apart.
func (s *search) under(p chaos.Plan) *scenarios.Loaded {
	changed := *s.cfg.Scenario.Scenario
	changed.Faults, changed.Expect, changed.Vary = p.Entries, nil, nil
	b, t := s.cfg.Scenario.Budget(), s.cfg.Scenario.Topology()
	for i, c := range s.claims {
		if c.Asks(p, b, t) && len(c.Check(&changed)) == 0 {
			e := c.Expect
			e.Line = i + 1
			changed.Expect = append(changed.Expect, e)
		}
	}
	out := *s.cfg.Scenario
	out.Scenario = &changed
	return &out
}

// run runs a plan; nil: there was none, or the search was interrupted.
func (s *search) run(p chaos.Plan, seed uint64) *digest {
	if len(p.Entries) == 0 {
		return nil
	}
	d := s.play(s.under(p), seed)
	if d != nil {
		d.result = nil // a history takes megabytes
	}
	return d
}

// runAs runs a plan in a scenario of the name that it will have alone: a cluster's ids, and with
// them ties, hang on its name.
func (s *search) runAs(name string, p chaos.Plan, seed uint64) *digest {
	if len(p.Entries) == 0 {
		return nil
	}
	l := s.under(p)
	l.Scenario.Name = name
	d := s.play(l, seed)
	if d != nil {
		d.result = nil
	}
	return d
}

// play runs a scenario whose expectations have their claims' places for lines.
func (s *search) play(l *scenarios.Loaded, seed uint64) *digest {
	if s.ctx.Err() != nil {
		return nil
	}
	res, err := s.cfg.Play(s.ctx, l, seed)
	if s.ctx.Err() != nil {
		return nil // what was seen until then says nothing
	}
	s.mu.Lock()
	s.runs++
	s.mu.Unlock()
	d := &digest{seed: seed, result: res}
	switch {
	case errors.Is(err, scenarios.ErrScenario) || errors.Is(err, scenarios.ErrUnavailable):
		d.outcome, d.why = undecided, err.Error()
	case err != nil:
		d.outcome, d.why = crashed, err.Error()
	case res.Aborted != nil:
		d.outcome, d.why = undecided, res.Aborted.Error()
	default:
		d.judge(res)
		d.reached = reached(res.History)
	}
	return d
}

// judge sums the outcomes up. What a plan had nothing of to judge does not make it
// undecided; one of which nothing at all was judged is.
func (d *digest) judge(res *scenarios.Result) {
	judged := false
	for _, o := range res.Outcomes {
		if o.Line > 0 {
			d.note(o.Line-1, o)
		}
		switch {
		case o.Verdict == scenarios.Unknown && !o.Idle && d.why == "":
			d.why = o.Name + ": " + o.Reason
		case o.Verdict != scenarios.Unknown:
			judged = true
		}
	}
	for _, c := range d.claims {
		if c.came == broke {
			d.broken = append(d.broken, c.claim)
		}
	}
	if !judged && d.why == "" {
		d.why = "none of the claims had anything to judge"
	}
	switch {
	case len(d.broken) > 0:
		d.outcome, d.why = broke, ""
	case d.why != "":
		d.outcome = undecided
	}
}

// note enters an outcome of a claim, of which there may be one for each fault: the worst
// counts.
func (d *digest) note(claim int, o scenarios.Outcome) {
	came := idle
	switch {
	case o.Verdict == scenarios.Fail:
		came = broke
	case o.Verdict == scenarios.Unknown && !o.Idle:
		came = undecided
	case o.Verdict == scenarios.Pass:
		came = held
	}
	i, known := slices.BinarySearchFunc(d.claims, claim, func(c claimed, n int) int { return cmp.Compare(c.claim, n) })
	if !known {
		d.claims = slices.Insert(d.claims, i, claimed{claim, came})
	}
	if slices.Index(gravity, came) > slices.Index(gravity, d.claims[i].came) {
		d.claims[i].came = came
	}
}

// unfaulted runs the scenario without a fault: what it comes to is no fault's doing. The
// error is that of a scenario that can't be run.
func (s *search) unfaulted() error {
	l := s.under(chaos.Plan{})
	res, err := s.watched(l)
	if err != nil {
		return err
	}
	s.runs++
	if res.Aborted != nil {
		return fmt.Errorf("%w: without a fault: %w", scenarios.ErrScenario, res.Aborted)
	}
	var d digest
	d.judge(res)
	for _, i := range d.broken {
		f := &Find{Claim: s.claims[i].text, Name: s.claims[i].name, Seed: s.cfg.Seed, Unfaulted: true, Minimal: true, claim: i}
		s.claims[i].found = f
		s.result.Found = append(s.result.Found, f)
		if err := s.tellStory(f); err != nil {
			return err
		}
	}
	return nil
}

// watched is a run of the scenario of which is noted what faults could touch.
func (s *search) watched(l *scenarios.Loaded) (*scenarios.Result, error) {
	if s.cfg.Watch == nil || s.cfg.OwnParts { // what parts of one's own look at nobody knows
		return s.cfg.Play(s.ctx, l, s.cfg.Seed)
	}
	t := s.cfg.Scenario.Topology()
	x := newExchanges(t)
	res, err := s.cfg.Watch(s.ctx, l, s.cfg.Seed, x.happened)
	if err == nil && res.Aborted == nil {
		s.calm = &calm{topology: t, end: res.History.Closed, busy: x.spans(res.Zero, res.History.Closed), history: res.History}
	}
	return res, err
}

// each does n things with the workers that there are.
func (s *search) each(n int, do func(i int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range min(s.cfg.Workers, n) {
		group.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}

// tell tells how far the search is after a plan.
func (s *search) tell(d *digest) {
	if d == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.Plans++
	s.told.Found = len(s.result.Found)
	s.told.Doing = ""
	s.report()
}

// doing tells what is done beside drawing plans.
func (s *search) doing(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.Doing = fmt.Sprintf(format, args...)
	s.report()
}

// report tells the progress. s.mu is held.
func (s *search) report() {
	if s.cfg.Progress == nil {
		return
	}
	s.told.Left = -1
	spent := s.since()
	if s.cfg.Plans > 0 && s.told.Plans > 0 {
		s.told.Left = time.Duration(float64(spent) / float64(s.told.Plans) * float64(s.cfg.Plans-s.told.Plans))
	}
	if left := max(0, s.cfg.For-spent); s.cfg.For > 0 && (s.told.Left < 0 || left < s.told.Left) {
		s.told.Left = left
	}
	s.cfg.Progress(s.told)
}

// now is the machine's time, which only says how many rounds there are.
func now() time.Time {
	return time.Now() //determinism:allow wall-clock it says when to stop, and nothing of what is found
}

func (s *search) since() time.Duration { return now().Sub(s.started) }

// number makes a name of several unique.
func number(name string, taken func(string) bool) string {
	out := name
	for i := 2; taken(out); i++ {
		out = name + "-" + strconv.Itoa(i)
	}
	return out
}
