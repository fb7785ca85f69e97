package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// serial are the packages, with all below them, whose tests run alone.
var serial = []string{"integration", "cmd"}

// config is what the command line says.
type config struct {
	short    bool
	race     bool
	timeout  time.Duration
	patterns []string
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errs io.Writer) int {
	var c config
	flags := flag.NewFlagSet("testrun", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.BoolVar(&c.short, "short", false, "leave out what takes long or needs containers")
	flags.BoolVar(&c.race, "race", false, "look for data races")
	flags.DurationVar(&c.timeout, "timeout", 30*time.Minute, "the longest that one package may take")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if c.patterns = flags.Args(); len(c.patterns) == 0 {
		c.patterns = []string{"./..."}
	}
	// An interrupt goes to go test as well; its tests clean up and then we report.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	requireDocker := os.Getenv("SHARDQUAKE_REQUIRE_DOCKER") == "1"
	tally, err := testAll(c, newTally(out, requireDocker))
	if err != nil {
		fmt.Fprintln(errs, "testrun:", err)
		return 2
	}
	return tally.close()
}

// testAll runs the packages that may run together, then the others.
func testAll(c config, t *tally) (*tally, error) {
	module, packages, err := list(c.patterns)
	if err != nil {
		return nil, err
	}
	t.module = module
	var together, alone []string
	for _, p := range packages {
		if isSerial(strings.TrimPrefix(p, module+"/")) {
			alone = append(alone, p)
		} else {
			together = append(together, p)
		}
	}
	if err := test(c.arguments(together), t); err != nil {
		return nil, err
	}
	// -count=1: whether a daemon answers is not in the cache's key.
	if err := test(append([]string{"-p=1", "-count=1"}, c.arguments(alone)...), t); err != nil {
		return nil, err
	}
	return t, nil
}

func isSerial(pkg string) bool {
	return slices.ContainsFunc(serial, func(s string) bool { return pkg == s || strings.HasPrefix(pkg, s+"/") })
}

// arguments are those of go test, or just flags when there are no packages.
func (c config) arguments(packages []string) []string {
	args := []string{"-timeout=" + c.timeout.String()}
	if c.short {
		args = append(args, "-short")
	}
	if c.race {
		args = append(args, "-race")
	}
	return append(args, packages...)
}

// list gives the module's path and the import paths that the patterns stand for.
func list(patterns []string) (module string, packages []string, err error) {
	text, err := output("list", "-m")
	if err != nil {
		return "", nil, err
	}
	module = strings.TrimSpace(text)
	if text, err = output(append([]string{"list", "-e"}, patterns...)...); err != nil {
		return "", nil, err
	}
	return module, strings.Fields(text), nil
}

func output(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return string(text), nil
}

// withSeed fixes the seed of the tests that draw their cases, so that a verdict depends
// on the commit alone. RAPID_SEED in the environment draws others, 0 new ones each time;
// so does go test without this command.
func withSeed(env []string) []string {
	for _, v := range env {
		if strings.HasPrefix(v, "RAPID_SEED=") {
			return env
		}
	}
	return append(env, "RAPID_SEED=1")
}

// test runs go test -json and adds its events to the tally. That tests fail is no
// error: the events say so.
func test(args []string, t *tally) error {
	if strings.HasPrefix(args[len(args)-1], "-") {
		return nil // flags but no packages
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = withSeed(os.Environ())
	cmd.Stderr = t.out
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	failedBefore := len(t.failed)
	readErr := read(pipe, t)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case readErr != nil:
		return fmt.Errorf("read the output of go test: %w", readErr)
	case errors.As(err, &exit):
		if len(t.failed) == failedBefore {
			t.failed = append(t.failed, "go test: "+err.Error())
		}
		return nil
	case err != nil:
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}

// read hands each event to the tally, and prints what is no event.
func read(from io.Reader, t *tally) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				t.add(e)
			} else {
				fmt.Fprintf(t.out, "%s", line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
