package explore

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/own"
)

// Budget bounds the search of a test, and what its plans may do. What is left empty is as the
// file's explore: section has it, or as it suits the cluster.
type Budget struct {
	// Plans is how many are tried, For ends the search after the round in which it is over. With
	// neither there are [DefaultPlans].
	Plans int
	For   time.Duration
	// Seed is that of the plans and of the first run; 0: the file's.
	Seed uint64
	// Kinds of faults that plans may have.
	Kinds []string
	// Most faults in a plan, AtOnce of them in force, NodesDown of the nodes at one time, or
	// ZonesDown of the zones.
	Most, AtOnce, NodesDown, ZonesDown int
	// Span is the time from t=0 in which faults strike and heal, each from Shortest to Longest.
	Span, Shortest, Longest time.Duration
}

// DefaultPlans is how many plans a test tries whose budget says nothing of it.
const DefaultPlans = 100

// set is the budget as replacements of the file's values.
func (b Budget) set() []string {
	var out []string
	add := func(key, value string) { out = append(out, "explore."+key+"="+value) }
	if len(b.Kinds) > 0 {
		var kinds []any
		for _, k := range b.Kinds {
			kinds = append(kinds, k)
		}
		add("kinds", source.Flow(kinds))
	}
	for _, n := range []struct {
		key   string
		value int
	}{{"most", b.Most}, {"at-once", b.AtOnce}, {"nodes-down", b.NodesDown}, {"zones-down", b.ZonesDown}} {
		if n.value != 0 {
			add(n.key, strconv.Itoa(n.value))
		}
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"span", b.Span}, {"shortest", b.Shortest}, {"longest", b.Longest}} {
		if d.value != 0 {
			add(d.key, d.value.String())
		}
	}
	return out
}

// Option varies the search of a test.
type Option func(*testSearch)

// testSearch is the search of a test.
type testSearch struct {
	parts  own.Parts
	set    []string
	claims []OwnClaim
	corpus string
	out    string
}

// Set replaces a value of the file: "cluster.nodes.count=5".
func Set(assignment string) Option {
	return func(s *testSearch) { s.set = append(s.set, assignment) }
}

// Claim adds what must hold under every plan, as a function of what was seen of its run. The
// name is one as expectations have it: small letters, digits and dashes.
func Claim(name string, judge Judge) Option {
	return func(s *testSearch) { s.claims = append(s.claims, OwnClaim{name, judge}) }
}

// With makes faults, expectations, policies or a controller of one's own known. Plans have those
// faults that can be drawn (Draw of chaos.Kind; package fromrapid makes a rapid generator of one).
func With(parts own.Parts) Option { return func(s *testSearch) { s.parts = parts } }

// Corpus is a folder whose scenarios are run first, and in which what is found is kept.
func Corpus(dir string) Option { return func(s *testSearch) { s.corpus = dir } }

// Out is the folder for what is found; without it a temporary one that outlives the test.
func Out(dir string) Option { return func(s *testSearch) { s.out = dir } }

// Run looks for the plan of faults that breaks what a scenario, a file or a name of the library,
// expects and claims, on the simulator and inside a budget. Each claim is a subtest, which fails
// when a plan breaks it, with the file that shows it and the command that repeats it, or when
// it could be decided of no plan; one that no plan had anything of to judge is skipped.
func Run(t *testing.T, file string, b Budget, opts ...Option) *Result {
	t.Helper()
	var s testSearch
	for _, opt := range opts {
		opt(&s)
	}
	cfg, err := s.config(file, b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Search(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := s.keep(r)
	if err != nil {
		t.Errorf("what was found could not be kept: %v", err)
	}
	s.tell(t, r, dir)
	return r
}

// config is the search that a test asks for.
func (s *testSearch) config(file string, b Budget) (Config, error) {
	// What files of the corpus name is known before the scenario is read.
	for _, c := range s.claims {
		if err := c.check(s.parts.Vocabulary()); err != nil {
			return Config{}, err
		}
		s.parts.Expectations = append(slices.Clone(s.parts.Expectations), c.kind())
	}
	l, err := s.parts.Load(file, append(slices.Clone(s.set), b.set()...))
	if err != nil {
		return Config{}, err
	}
	voc := s.parts.Vocabulary()
	cfg := Config{
		Scenario: l, Vocabulary: voc, Play: s.play, Watch: s.watch, Seed: cmp.Or(b.Seed, l.Seed), Plans: b.Plans, For: b.For,
		Workers: runtime.GOMAXPROCS(0), //determinism:allow machine how many run at once changes no result
		Seeds:   20, Tries: 100, Own: s.claims,
		OwnParts: len(s.parts.Faults)+len(s.parts.Expectations)+len(s.parts.Policies) > 0 || s.parts.Controller != nil,
	}
	if cfg.Plans == 0 && cfg.For == 0 {
		cfg.Plans = DefaultPlans
	}
	if s.corpus != "" {
		cfg.Corpus, err = ReadCorpus(s.corpus, voc)
	}
	return cfg, err
}

// play is a run on the simulator.
func (s *testSearch) play(ctx context.Context, l *scenarios.Loaded, seed uint64) (*scenarios.Result, error) {
	return s.parts.Start(ctx, l, own.Run{Options: scenarios.Options{Seed: seed}})
}

// watch is play with somebody who is told of every event.
func (s *testSearch) watch(ctx context.Context, l *scenarios.Loaded, seed uint64, tell func(scenarios.Event)) (*scenarios.Result, error) {
	return s.parts.Start(ctx, l, own.Run{Options: scenarios.Options{Seed: seed}, OnEvent: tell})
}

// keep leaves what was found in a folder; "" where nothing was.
func (s *testSearch) keep(r *Result) (string, error) {
	if len(r.Found) == 0 && s.out == "" {
		return "", nil
	}
	dir := s.out
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "shardquake-found-"); err != nil {
			return "", err
		}
	}
	return dir, Write(dir, s.corpus, r)
}

// tell has each claim as a subtest.
func (s *testSearch) tell(t *testing.T, r *Result, dir string) {
	t.Helper()
	for _, c := range r.Claims {
		t.Run(c.Claim, func(t *testing.T) {
			for _, f := range r.Found {
				if f.Claim == c.Claim {
					t.Errorf("%s\n%s\n%s", f.About, f.left(), s.replay(t, f, dir))
				}
			}
			switch {
			case t.Failed() || c.Held > 0:
			case c.Broke > 0:
				t.Errorf("a scenario of the corpus breaks it, too")
			case c.Undecided > 0:
				t.Errorf("it could be decided of none of %d plans", c.Undecided)
			default:
				t.Skipf("none of %d plans had anything of it to judge", r.Plans.All())
			}
		})
	}
	for _, p := range r.Replayed {
		if p.Verdict != scenarios.Pass {
			t.Errorf("corpus: %s: %s: %s", p.File, p.Verdict, p.Why)
		}
	}
	for _, f := range r.Found {
		if f.Crash {
			t.Errorf("%s\n%s", f.About, s.replay(t, f, dir))
		}
	}
	for _, c := range r.Crashes {
		t.Errorf("a plan ended with an error: %s, seed %d: %s", describe(c.Plan), c.Seed, c.Why)
	}
	for _, u := range r.Undecided {
		t.Logf("not decided: %s, seed %d: %s", describe(u.Plan), u.Seed, u.Why)
	}
	if r.Plans.Held+r.Plans.Broke == 0 {
		t.Errorf("none of %d plans could be judged", r.Plans.All())
	}
	if r.Aborted {
		t.Errorf("the search was interrupted after %d plans", r.Plans.All())
	}
	t.Logf("%d plans in %d whole rounds, seed %d: %d held, %d broke something, %d undecided; %d runs; %d different things reached",
		r.Plans.All(), r.Rounds, r.Seed, r.Plans.Held, r.Plans.Broke, r.Plans.Undecided, r.Runs, len(r.Coverage.Reached))
}

// replay says where the scenario stands and how it is run again.
func (s *testSearch) replay(t *testing.T, f *Find, dir string) string {
	file := filepath.Join(dir, filepath.FromSlash(f.File))
	if f.GoTest != "" {
		return "file:   " + file + "\nreplay: shardquake run " + reports.CommandLine(file)
	}
	// What it names only this test knows.
	corpus := cmp.Or(s.corpus, "testdata/found")
	return "file:   " + file + "\nreplay: with explore.Corpus(" + strconv.Quote(corpus) + ") and the file in that folder, go test -run '^" + outermost(t.Name()) + "$'"
}

// outermost is the name of the test that a subtest is part of.
func outermost(name string) string {
	for i, c := range name {
		if c == '/' {
			return name[:i]
		}
	}
	return name
}
