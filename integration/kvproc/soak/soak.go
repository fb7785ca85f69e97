//determinism:realtime runs processes, several at a time

package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// Config says what to run.
type Config struct {
	// Command runs shardquake; Revision is what it was built from.
	Command, Revision string
	// Scenarios are names or files, each run with the seeds 1 to Runs.
	Scenarios []string
	Runs      int
	// Parallel runs go on at the same time, while Load processors are kept busy.
	Parallel, Load int
	// Limit is how long one run may take; 15 min.
	Limit time.Duration
	// Kept is the folder where runs that didn't pass leave their reports; "": nowhere.
	Kept     string
	Progress func(format string, args ...any)
}

// Do makes all runs that the ledger doesn't have. When ctx ends, runs under way are broken
// off and not noted.
func Do(ctx context.Context, cfg Config, ledger *Ledger) error {
	if cfg.Limit == 0 {
		cfg.Limit = 15 * time.Minute
	}
	defer busy(cfg.Load)()
	var keys []Key
	for seed := 1; seed <= cfg.Runs; seed++ { // a sample of all comes first
		for _, s := range cfg.Scenarios {
			k := Key{Revision: cfg.Revision, Scenario: s, Seed: uint64(seed), Load: cfg.Load, Parallel: cfg.Parallel}
			if !ledger.Has(k) {
				keys = append(keys, k)
			}
		}
	}
	cfg.Progress("%d runs to make, %d are there", len(keys), len(ledger.Runs))
	var mu sync.Mutex // holds the ledger, next and errs
	next, errs := 0, []error(nil)
	take := func() (Key, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(keys) || ctx.Err() != nil || errs != nil {
			return Key{}, false
		}
		next++
		return keys[next-1], true
	}
	var workers sync.WaitGroup
	for range max(1, cfg.Parallel) {
		workers.Go(func() {
			for k, ok := take(); ok; k, ok = take() {
				r, err := one(ctx, &cfg, k)
				mu.Lock()
				if err == nil {
					cfg.Progress("%s, seed %d: %s after %.0f s", k.Scenario, k.Seed, r.Verdict, r.Seconds)
					err = ledger.Add(r)
				}
				if err != nil {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// report is what a run leaves, as far as it is needed here.
type report struct {
	Verdict      string `json:"verdict"`
	Expectations []struct {
		Name    string `json:"name"`
		Verdict string `json:"verdict"`
		Reason  string `json:"reason"`
	} `json:"expectations"`
}

// Exit codes of the command, see its help.
const exitUnavailable = 3

// one makes a run.
func one(ctx context.Context, cfg *Config, k Key) (Run, error) {
	folder, err := os.MkdirTemp("", "shardquake-soak-")
	if err != nil {
		return Run{}, err
	}
	defer os.RemoveAll(folder)          //nolint:errcheck // a temporary folder
	out := filepath.Join(folder, "out") // its journal lies beside it
	limited, cancel := context.WithTimeout(ctx, cfg.Limit)
	defer cancel()
	began := time.Now()
	cmd := exec.CommandContext(limited, cfg.Command, "run", k.Scenario, "--backend", "real", "--seed", strconv.FormatUint(k.Seed, 10), "--out", out, "-q")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it heals and removes what it made
	cmd.WaitDelay = time.Minute
	text, failed := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return Run{}, ctx.Err()
	}
	r := Run{Key: k, Seconds: time.Since(began).Round(time.Second).Seconds()}
	var exit *exec.ExitError
	if errors.As(failed, &exit) && exit.ExitCode() == exitUnavailable {
		if r.Verdict = Refused; !strings.Contains(string(text), chaos.ErrUnsupported.Error()) {
			r.Verdict, r.Why = Unknown, []string{last(string(text), 500)} // it could have run, but not now
		}
		return r, nil
	}
	return r, r.read(out, string(text), failed, cfg.Kept)
}

// read takes the verdict from the report. A run without one is none that passed.
func (r *Run) read(folder, output string, failed error, kept string) error {
	var rep report
	text, err := os.ReadFile(filepath.Join(folder, "report.json"))
	if err == nil {
		err = json.Unmarshal(text, &rep)
	}
	if err != nil {
		r.Verdict, r.Why = Fail, []string{fmt.Sprintf("no report: %v: %v: %s", failed, err, last(output, 500))}
		return nil
	}
	r.Verdict = rep.Verdict
	for _, e := range rep.Expectations {
		if e.Verdict != Pass {
			r.Why = append(r.Why, fmt.Sprintf("%s is %s: %s", e.Name, e.Verdict, last(e.Reason, 300)))
		}
	}
	if r.Verdict == Pass && failed != nil {
		r.Verdict, r.Why = Fail, append(r.Why, fmt.Sprintf("it passed, but ended with %v", failed))
	}
	if r.Verdict == Pass || kept == "" {
		return nil
	}
	return os.CopyFS(filepath.Join(kept, fmt.Sprintf("%s-%d-%d", filepath.Base(r.Scenario), r.Seed, time.Now().Unix())), os.DirFS(folder))
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }

// busy keeps processors busy until it is told to stop.
func busy(n int) (stop func()) {
	over := make(chan struct{})
	var working sync.WaitGroup
	for range n {
		working.Go(func() {
			for x := 1.0; ; x = x*1.0000001 + 1 {
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	return func() {
		close(over)
		working.Wait()
	}
}

// Library is the names of the scenarios of a system that the command ships with.
func Library(ctx context.Context, command, system string) ([]string, error) {
	text, err := exec.CommandContext(ctx, command, "list", "--json").Output()
	if err != nil {
		return nil, fmt.Errorf("%s list: %w", command, err)
	}
	var all []struct{ Name, System string }
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s list: %w", command, err)
	}
	var names []string
	for _, s := range all {
		if s.System == system {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
