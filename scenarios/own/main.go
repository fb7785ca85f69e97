//determinism:realtime a program's command line and its interrupts are of the machine; the runs that it starts are not

package own

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/shardquake/shardquake/internal/exitcode"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// Main is a program that runs scenarios with the parts: files and names of the library from its
// command line, with --backend, --seed, --set and --out as `shardquake run` has them. It returns
// the exit code, that of the worst of its runs.
func Main(p Parts) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return p.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Command is Main with the words and the streams of a program.
func (p Parts) Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var set []string
	flags := flag.NewFlagSet("scenarios", flag.ContinueOnError)
	flags.SetOutput(stderr)
	backend := flags.String("backend", "sim", "sim or real")
	seed := flags.Uint64("seed", 0, "seed in place of the scenario's")
	out := flags.String("out", "shardquake-out", "folder for the reports")
	flags.Func("set", "replace a value of the file: path=value", func(s string) error { set = append(set, s); return nil })
	if err := flags.Parse(args); err != nil {
		return exitcode.Usage
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(stderr, "expected a scenario: a file, or a name of the library ("+strings.Join(scenarios.Library()[:3], ", ")+", …)")
		return exitcode.Usage
	}
	worst := exitcode.Pass
	for _, name := range flags.Args() {
		code, err := p.one(ctx, name, set, Run{Backend: *backend, Options: scenarios.Options{Seed: *seed}}, *out, stdout)
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", name, err)
		}
		worst = worse(worst, code)
	}
	return worst
}

// worse is the code that tells more: what kept a run from an answer, then a failure, then what
// is unknown.
func worse(a, b int) int {
	rank := func(code int) int {
		switch code {
		case exitcode.Pass:
			return 0
		case exitcode.Unknown:
			return 1
		case exitcode.Fail:
			return 2
		}
		return 3
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// one runs a scenario and leaves its report.
func (p Parts) one(ctx context.Context, name string, set []string, r Run, out string, stdout io.Writer) (int, error) {
	s, err := p.Load(name, set)
	if err != nil {
		return exitcode.Usage, err
	}
	res, err := p.Start(ctx, s, r)
	if err != nil {
		return exitcode.OfError(err), err
	}
	seed := fmt.Sprint(res.Seed)
	if r.Backend == "real" {
		seed = "real-" + seed
	}
	dir := filepath.Join(out, s.Name, seed)
	rep, notKept := reports.Write(dir, res)
	if rep == nil {
		return exitcode.Defect, notKept
	}
	if notKept != nil {
		dir = ""
	}
	if err := reports.Summary(stdout, rep, reports.SummaryOptions{Dir: dir}); err != nil {
		return exitcode.NotKept, err
	}
	switch {
	case res.Aborted != nil:
		return exitcode.Aborted, res.Aborted
	case notKept != nil:
		return exitcode.NotKept, notKept
	}
	return exitcode.OfVerdict(rep.Verdict), nil
}
