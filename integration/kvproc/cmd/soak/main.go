// Command soak runs the library's key-value scenarios on processes, again and again:
//
//	go run ./integration/kvproc/cmd/soak --runs 20 --parallel 4
//
// Every verdict is a line of the ledger, with the revision; run again, it goes on where it
// was. It ends with the table of all that the ledger has, and with 1 if of this revision,
// load and parallelism not every run passed.
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/shardquake/shardquake/integration/kvproc/soak"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg := soak.Config{Progress: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
	}}
	flag.IntVar(&cfg.Runs, "runs", 20, "how many runs of each scenario")
	flag.IntVar(&cfg.Parallel, "parallel", 4, "how many runs at the same time")
	flag.IntVar(&cfg.Load, "load", 0, "how many processors to keep busy meanwhile")
	flag.StringVar(&cfg.Kept, "keep", "", "folder for the reports of runs that didn't pass")
	names := flag.String("scenarios", "", "names or files, separated by commas; all of the library's key-value scenarios without")
	path := flag.String("ledger", "soak.jsonl", "file of all verdicts")
	flag.Parse()
	if flag.NArg() > 0 || cfg.Runs < 1 || cfg.Parallel < 1 || cfg.Load < 0 {
		flag.Usage()
		os.Exit(2)
	}
	folder, err := os.MkdirTemp("", "shardquake-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	cfg.Command = filepath.Join(folder, "shardquake")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", cfg.Command, "github.com/shardquake/shardquake/cmd/shardquake").CombinedOutput(); err != nil {
		return fmt.Errorf("building the command: %w: %s", err, out)
	}
	if cfg.Revision, err = revision(ctx); err != nil {
		return err
	}
	if *names != "" {
		cfg.Scenarios = strings.Split(*names, ",")
	} else if cfg.Scenarios, err = soak.Library(ctx, cfg.Command, "kv"); err != nil {
		return err
	}
	ledger, err := soak.OpenLedger(*path)
	if err != nil {
		return err
	}
	err = soak.Do(ctx, cfg, ledger)
	if e := ledger.Print(os.Stdout); e != nil || err != nil {
		return cmp.Or(err, e)
	}
	for _, r := range ledger.Table() {
		if r.Revision == cfg.Revision && r.Load == cfg.Load && r.Parallel == cfg.Parallel && r.Passed < r.Runs {
			return fmt.Errorf("%s: %d of %d runs passed", r.Scenario, r.Passed, r.Runs)
		}
	}
	return nil
}

// revision is the commit at hand, marked if something was changed since.
func revision(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "", fmt.Errorf("git describe: %w", err)
	}
	return string(bytes.TrimSpace(out)), nil
}
