//determinism:realtime runs plans in parallel; inside each of them time is virtual

// Command rehearse runs random plans of key-value rehearsals, as many of each kind as asked
// for:
//
//	go run ./sim/kv/rehearse/cmd/rehearse --plans 2000 --first 1000000
//
// Every outcome is a line of the ledger, with the revision; run again, it goes on where it
// was. It ends with the table of what the ledger has of this revision, and with 1 if a plan
// failed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// line is an outcome in the ledger.
type line struct {
	Revision string `json:"revision"`
	rehearse.Outcome
}

// config is the command's words.
type config struct {
	plans, parallel int
	first           uint64
	kinds           []rehearse.Kind
	ledger, keep    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var cfg config
	kinds := ""
	flag.IntVar(&cfg.plans, "plans", 200, "how many plans of each kind")
	flag.Uint64Var(&cfg.first, "first", 0, "seed of the first of them")
	flag.IntVar(&cfg.parallel, "parallel", 2, "how many at the same time")
	flag.StringVar(&kinds, "kinds", "", fmt.Sprintf("kinds, separated by commas: all of %v without", rehearse.Kinds()))
	flag.StringVar(&cfg.ledger, "ledger", "rehearsals.jsonl", "file of all outcomes")
	flag.StringVar(&cfg.keep, "keep", "", "folder for the disks of plans that failed")
	flag.Parse()
	if flag.NArg() > 0 || cfg.plans < 1 || cfg.parallel < 1 {
		flag.Usage()
		os.Exit(2)
	}
	cfg.kinds = rehearse.Kinds()
	if kinds != "" {
		cfg.kinds = nil
		for _, k := range strings.Split(kinds, ",") {
			cfg.kinds = append(cfg.kinds, rehearse.Kind(k))
		}
	}
	revision, err := revisionOf(ctx)
	if err != nil {
		return err
	}
	done, err := read(cfg.ledger, revision)
	if err != nil {
		return err
	}
	ledger, err := os.OpenFile(cfg.ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer ledger.Close() //nolint:errcheck // every line was written
	if err := cfg.work(ctx, revision, done, ledger); err != nil {
		return err
	}
	if done, err = read(cfg.ledger, revision); err != nil {
		return err
	}
	return table(os.Stdout, revision, done)
}

// revisionOf is the revision of the working tree, marked if it was modified.
func revisionOf(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "", fmt.Errorf("the revision: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// read is what a ledger has of a revision. A line that was cut off by the end of a run is
// passed over.
func read(path, revision string) (map[rehearse.Plan]line, error) {
	done := make(map[rehearse.Plan]line)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Revision == revision {
			done[l.Plan] = l
		}
	}
	return done, lines.Err()
}

// work runs the plans that the ledger hasn't got.
func (c *config) work(ctx context.Context, revision string, done map[rehearse.Plan]line, ledger io.Writer) error {
	plans := make(chan rehearse.Plan)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range c.parallel {
		workers.Go(func() {
			for p := range plans {
				l := line{revision, c.try(p)}
				mu.Lock()
				failed = errors.Join(failed, json.NewEncoder(ledger).Encode(l))
				mu.Unlock()
			}
		})
	}
	begun := time.Now()
feeding:
	for i := range c.plans {
		if i%100 == 0 {
			fmt.Fprintf(os.Stderr, "%v: plan %d of %d\n", time.Since(begun).Round(time.Second), i, c.plans)
		}
		for _, kind := range c.kinds {
			p := rehearse.Plan{Kind: kind, Seed: c.first + uint64(i)}
			if _, ok := done[p]; ok {
				continue
			}
			select {
			case plans <- p:
			case <-ctx.Done():
				break feeding
			}
		}
	}
	close(plans)
	workers.Wait()
	return failed
}

// try runs a plan. What can't go on, or stops at an assertion, has failed.
func (c *config) try(p rehearse.Plan) (o rehearse.Outcome) {
	defer func() {
		if x := recover(); x != nil {
			o = rehearse.Outcome{Plan: p, Verdict: rehearse.Failed, Why: []string{fmt.Sprint(x)}}
		}
	}()
	keep := p
	if c.keep != "" {
		keep.Keep = filepath.Join(c.keep, fmt.Sprintf("%s-%d", p.Kind, p.Seed))
	}
	o, err := rehearse.Run(keep)
	if err != nil {
		o = rehearse.Outcome{Verdict: rehearse.Failed, Why: []string{err.Error()}}
	}
	o.Plan = p
	return o
}

// table tells what came of the plans of a revision, and fails if one failed.
func table(w io.Writer, revision string, done map[rehearse.Plan]line) error {
	failed := 0
	fmt.Fprintf(w, "revision %s\n", revision)
	for _, kind := range rehearse.Kinds() {
		verdicts, counts, n := map[rehearse.Verdict]int{}, rehearse.Counts{}, 0
		for p, l := range done {
			if p.Kind != kind {
				continue
			}
			n++
			verdicts[l.Verdict]++
			counts.Add(l.Counts)
			if l.Verdict == rehearse.Failed {
				failed++
				fmt.Fprintf(w, "  FAILED %s %d: %.2000s\n", kind, p.Seed, strings.Join(l.Why, "; "))
			}
		}
		if n > 0 {
			fmt.Fprintf(w, "%s: %d plans: %d passed, %d failed, %d saw too little, %d beyond; %v\n", kind, n,
				verdicts[rehearse.Passed], verdicts[rehearse.Failed], verdicts[rehearse.Undecided], verdicts[rehearse.Beyond], counts)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d plans failed", failed)
	}
	return nil
}
