package explore_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// play runs on the simulator.
func play(ctx context.Context, s *scenarios.Loaded, seed uint64) (*scenarios.Result, error) {
	backend, err := catalog.Backend("sim")
	if err != nil {
		return nil, err
	}
	r := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}
	return r.Run(ctx, s, scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed})
}

// tight is a search in the scenario of which too much is expected.
func tight(t *testing.T, set ...string) explore.Config {
	t.Helper()
	l, err := scenarios.Load("testdata/tight.yaml", set, catalog.Vocabulary())
	require.NoError(t, err)
	return explore.Config{Scenario: l, Vocabulary: catalog.Vocabulary(), Play: play, Seed: 1, Plans: 20, Workers: 2, Seeds: 3, Tries: 100}
}

func search(t *testing.T, cfg explore.Config) *explore.Result {
	t.Helper()
	r, err := explore.Search(t.Context(), cfg)
	require.NoError(t, err)
	return r
}

const tooTight = "{recovered: green, within: 1s, of: node-loss}"

func TestAPlantedFailureIsFoundShrunkToOneFaultAndItsFileShowsIt(t *testing.T) {
	r := search(t, tight(t))
	require.Len(t, r.Found, 1)
	f := r.Found[0]
	assert.Equal(t, tooTight, f.Claim)
	require.Len(t, f.Plan.Entries, 1)
	assert.Equal(t, "node-loss", f.Plan.Entries[0].Fault.Kind())
	assert.True(t, f.Minimal)
	assert.LessOrEqual(t, f.Tries, 100)
	assert.GreaterOrEqual(t, r.Plans.Broke, f.Plans)
	assert.Equal(t, 3, f.Others.Seeds)
	assert.Equal(t, 3, f.Others.Broke, "it hangs on no seed")
	assert.Contains(t, f.About, "node-loss of n")
	assert.Contains(t, f.About, `"green after node-loss" does not hold`)

	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	alone, err := scenarios.Load(filepath.Join(dir, f.File), nil, catalog.Vocabulary())
	require.NoError(t, err)
	assert.Equal(t, "tight-breaks-recovered", alone.Name)
	assert.Equal(t, f.About, alone.About)
	assert.Equal(t, f.Seed, alone.Seed)
	res, err := play(t.Context(), alone, alone.Seed)
	require.NoError(t, err)
	assert.Equal(t, scenarios.Fail, res.Verdict)
	var failed []string
	for _, o := range res.Outcomes {
		if o.Verdict == scenarios.Fail {
			failed = append(failed, o.Name)
		}
	}
	assert.Equal(t, []string{"green after node-loss"}, failed)
}

func TestTheResultIsTheSameWithAnyNumberOfWorkers(t *testing.T) {
	var texts [2]string
	for i := range texts {
		cfg := tight(t)
		cfg.Workers, cfg.Seeds = i+1, 1
		text, err := json.MarshalIndent(search(t, cfg), "", " ")
		require.NoError(t, err)
		texts[i] = string(text)
	}
	assert.Equal(t, texts[0], texts[1])
	assert.Contains(t, texts[0], `"rounds": 1`)
}

func TestASearchThatIsInterruptedKeepsWhatItFound(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	cfg := tight(t)
	cfg.Progress = func(p explore.Progress) {
		if strings.HasPrefix(p.Doing, "shrinking") {
			interrupt()
		}
	}
	r, err := explore.Search(ctx, cfg)
	require.NoError(t, err)
	assert.True(t, r.Aborted)
	require.Len(t, r.Found, 1)
	assert.True(t, r.Found[0].Interrupted)
	assert.False(t, r.Found[0].Minimal)
	dir, corpus := t.TempDir(), t.TempDir()
	require.NoError(t, explore.Write(dir, corpus, r))
	alone, err := scenarios.Load(filepath.Join(dir, r.Found[0].File), nil, catalog.Vocabulary())
	require.NoError(t, err)
	res, err := play(t.Context(), alone, alone.Seed)
	require.NoError(t, err)
	assert.Equal(t, scenarios.Fail, res.Verdict, "it is as it was found")
	kept, err := os.ReadDir(corpus)
	require.NoError(t, err)
	assert.Empty(t, kept, "what is not minimal is no example")
}

func TestATimeEndsTheSearchAfterAWholeRound(t *testing.T) {
	cfg := tight(t)
	cfg.Plans, cfg.For, cfg.Seeds, cfg.Tries = 0, time.Nanosecond, 0, 0
	none := search(t, cfg)
	assert.Zero(t, none.Rounds)
	cfg.For = time.Hour
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	cfg.Progress = func(p explore.Progress) {
		if p.Plans == explore.RoundSize+1 {
			interrupt()
		}
	}
	r, err := explore.Search(ctx, cfg)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Rounds, "one that was interrupted is none")
}

func TestTheCorpusIsRunFirstAndWhatItBreaksIsNotLookedForAgain(t *testing.T) {
	dir, corpus := t.TempDir(), t.TempDir()
	cfg := tight(t)
	cfg.Seeds = 0
	require.NoError(t, explore.Write(dir, corpus, search(t, cfg)))
	var err error
	cfg.Corpus, err = explore.ReadCorpus(corpus, cfg.Vocabulary)
	require.NoError(t, err)
	require.Len(t, cfg.Corpus, 1)
	r := search(t, cfg)
	require.Len(t, r.Replayed, 1)
	assert.Equal(t, scenarios.Fail, r.Replayed[0].Verdict)
	assert.Empty(t, r.Found)
	assert.Equal(t, 1, r.Broken())

	// It is mended: the file says that it holds now.
	path := filepath.Join(corpus, "tight-breaks-recovered.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "within: 1s", "within: 40s")), 0o644))
	cfg = tight(t, "explore.claims[0].within=40s", "explore.kinds=[disk-slow, node-loss]")
	cfg.Plans, cfg.Seeds, cfg.Tries = 1, 0, 0
	cfg.Corpus, err = explore.ReadCorpus(corpus, cfg.Vocabulary)
	require.NoError(t, err)
	r = search(t, cfg)
	require.Len(t, r.Replayed, 1)
	assert.NotEqual(t, scenarios.Fail, r.Replayed[0].Verdict, r.Replayed[0].Why)
	assert.Empty(t, r.Found)
}

func TestACorpusWithAFileThatMakesNoSenseIsRefusedWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte("name: bad\nfautls: []\n"), 0o644))
	_, err := explore.ReadCorpus(dir, catalog.Vocabulary())
	assert.ErrorContains(t, err, "bad.yaml:2:1")
	none, err := explore.ReadCorpus(filepath.Join(dir, "none"), catalog.Vocabulary())
	require.NoError(t, err)
	assert.Empty(t, none)
}

// acted answers runs by their faults.
func acted(verdict func(faults int) (map[string]scenarios.Verdict, error)) func(context.Context, *scenarios.Loaded, uint64) (*scenarios.Result, error) {
	return func(_ context.Context, l *scenarios.Loaded, _ uint64) (*scenarios.Result, error) {
		by, err := verdict(len(l.Faults))
		if err != nil {
			return nil, err
		}
		res := &scenarios.Result{Scenario: l.Scenario, History: &observed.History{}}
		for _, e := range l.Expect {
			o := scenarios.Outcome{Name: e.Kind(), Verdict: scenarios.Pass, Line: e.Line, Reason: "it is said"}
			if v := by[e.Kind()]; v != "" {
				o.Verdict = v
			}
			res.Outcomes = append(res.Outcomes, o)
		}
		return res, nil
	}
}

func TestWhatIsUndecidedCountsNeitherAsFoundNorAsHeld(t *testing.T) {
	cfg := tight(t)
	cfg.Play = acted(func(faults int) (map[string]scenarios.Verdict, error) {
		if faults == 0 {
			return nil, nil
		}
		return map[string]scenarios.Verdict{"lost-acked-writes": scenarios.Unknown}, nil
	})
	r := search(t, cfg)
	assert.Equal(t, explore.Counts{Undecided: 20}, r.Plans)
	assert.Empty(t, r.Found)
	require.NotEmpty(t, r.Undecided)
	assert.Equal(t, "lost-acked-writes: it is said", r.Undecided[0].Why)
}

func TestAClaimWithNothingToJudgeLeavesAPlanDecided(t *testing.T) {
	cfg := tight(t)
	cfg.Play = func(_ context.Context, l *scenarios.Loaded, _ uint64) (*scenarios.Result, error) {
		res := &scenarios.Result{Scenario: l.Scenario, History: &observed.History{}}
		for _, e := range l.Expect {
			o := scenarios.Idled(e.Kind(), "no node was promoted")
			if e.Kind() == "lost-acked-writes" {
				o = scenarios.Outcome{Name: e.Kind(), Verdict: scenarios.Pass}
			}
			o.Line = e.Line
			res.Outcomes = append(res.Outcomes, o)
		}
		return res, nil
	}
	r := search(t, cfg)
	assert.Equal(t, explore.Counts{Held: 20}, r.Plans)
	asked := map[string]explore.Asked{}
	for _, c := range r.Claims {
		asked[c.Claim] = c
	}
	assert.Equal(t, 20, asked["{lost-acked-writes: 0}"].Held)
	assert.Zero(t, asked[tooTight].Held)
	assert.Positive(t, asked[tooTight].Idle, "those that lose a node")
}

func TestAPlanOfWhichNothingIsJudgedIsUndecided(t *testing.T) {
	cfg := tight(t)
	cfg.Play = func(_ context.Context, l *scenarios.Loaded, _ uint64) (*scenarios.Result, error) {
		res := &scenarios.Result{Scenario: l.Scenario, History: &observed.History{}}
		for _, e := range l.Expect {
			o := scenarios.Idled(e.Kind(), "nothing happened")
			o.Line = e.Line
			res.Outcomes = append(res.Outcomes, o)
		}
		return res, nil
	}
	r := search(t, cfg)
	assert.Equal(t, explore.Counts{Undecided: 20}, r.Plans)
	assert.Equal(t, "none of the claims had anything to judge", r.Undecided[0].Why)
}

func TestAPlanThatEndsWithAnErrorIsKept(t *testing.T) {
	cfg := tight(t)
	cfg.Play = acted(func(faults int) (map[string]scenarios.Verdict, error) {
		if faults > 0 {
			return nil, errors.New("a process has panicked")
		}
		return nil, nil
	})
	r := search(t, cfg)
	assert.Equal(t, explore.Counts{Crashed: 20}, r.Plans)
	require.Len(t, r.Crashes, 5)
	assert.Equal(t, "a process has panicked", r.Crashes[0].Why)
	require.Len(t, r.Found, 1, "it is shrunk as what breaks a claim is")
	f := r.Found[0]
	assert.True(t, f.Crash)
	assert.Len(t, f.Plan.Entries, 1)
	assert.True(t, f.Smallest)
	assert.Equal(t, 20, f.Plans)
	assert.Contains(t, f.About, "ends with an error in place of an answer: a process has panicked")
	assert.Zero(t, r.Broken(), "no claim is broken")
	var text strings.Builder
	require.NoError(t, explore.Summary(&text, r, t.TempDir()))
	assert.True(t, strings.HasPrefix(text.String(), "ERROR  tight: 20 plans"), text.String())
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	alone, err := scenarios.Load(filepath.Join(dir, f.File), nil, catalog.Vocabulary())
	require.NoError(t, err)
	assert.Len(t, alone.Faults, 1)
	assert.Equal(t, "tight-ends-with-an-error", alone.Name)
}

func TestANearMissIsLabelled(t *testing.T) {
	cfg := tight(t, "explore.claims=[{no-red-longer-than: 10s}]")
	cfg.Play = acted(func(faults int) (map[string]scenarios.Verdict, error) {
		switch {
		case faults >= 2:
			return map[string]scenarios.Verdict{"lost-acked-writes": scenarios.Fail}, nil
		case faults == 1:
			return map[string]scenarios.Verdict{"no-red-longer-than": scenarios.Fail}, nil
		}
		return nil, nil
	})
	r := search(t, cfg)
	i := 0
	if r.Found[0].Claim != "{lost-acked-writes: 0}" {
		i = 1
	}
	f := r.Found[i]
	assert.Len(t, f.Plan.Entries, 2)
	require.Len(t, f.Near, 1)
	assert.Equal(t, "{no-red-longer-than: 10s}", f.Near[0].Claim)
	assert.Len(t, f.Near[0].Plan.Entries, 1)
}

func TestWhatBreaksWithoutAFaultIsNoPlansDoing(t *testing.T) {
	cfg := tight(t)
	cfg.Play = acted(func(int) (map[string]scenarios.Verdict, error) {
		return map[string]scenarios.Verdict{"lost-acked-writes": scenarios.Fail}, nil
	})
	r := search(t, cfg)
	require.Len(t, r.Found, 1)
	assert.True(t, r.Found[0].Unfaulted)
	assert.Equal(t, 20, r.Found[0].Plans)
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	alone, err := scenarios.Load(filepath.Join(dir, r.Found[0].File), nil, catalog.Vocabulary())
	require.NoError(t, err)
	assert.Empty(t, alone.Faults)
}

func TestKeyValueClustersAreExploredByTheSameSearch(t *testing.T) {
	cfg := tight(t)
	var err error
	cfg.Scenario, err = scenarios.Load("kv-node-lost", []string{"duration=60s"}, catalog.Vocabulary())
	require.NoError(t, err)
	cfg.Plans, cfg.Seeds, cfg.Tries = 4, 0, 30
	r := search(t, cfg)
	assert.Equal(t, 4, r.Plans.All())
	assert.Zero(t, r.Plans.Crashed)
	assert.NotEmpty(t, r.Coverage.Reached)
}

func TestALinkThatIsAsSlowAsPlansMakeItIsShownToBeSlow(t *testing.T) {
	for name, faults := range map[string]string{
		"one-node-lost": "faults=[{at: 2s, link: {between: [n1], and: [rest], latency: 1s, for: 5s}}]",
		"kv-node-lost":  "faults=[{at: 2s, link: {between: [n1], and: [rest], latency: 1s, for: 5s}}]",
	} {
		l, err := scenarios.Load(name, []string{faults, "duration=20s", "expect=[{no-red-longer-than: 1m}]"}, catalog.Vocabulary())
		require.NoError(t, err, name)
		res, err := play(t.Context(), l, 1)
		require.NoError(t, err, name)
		require.Len(t, res.History.Faults, 1, name)
		assert.True(t, res.History.Faults[0].Shown(), "%s: %+v", name, res.History.Faults[0].Bites)
	}
}
