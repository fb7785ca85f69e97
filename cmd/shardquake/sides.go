package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/compare"
	"github.com/shardquake/shardquake/scenarios"
)

// sideSpec is one side of a comparison: how its runs are made.
type sideSpec struct {
	label   string
	set     []string
	bin     string         // another shardquake; "" this one
	backend string         // sim or real
	policy  string         // in the place of the controller's own; "" the file as it is
	foreign foreign.Config // a command that is the controller; without a line the file's own
}

// sideForms are how a side can be told.
const sideForms = "set:path=value,… or bin:PATH or cmd:COMMAND or real or sim, or real,set:path=value,… or real,bin:PATH"

// parseSide reads LABEL=set:path=value,… | bin:PATH | cmd:COMMAND | real | sim, or one of the
// first two after real or sim and a comma.
func parseSide(text string) (sideSpec, error) {
	label, what, ok := strings.Cut(text, "=")
	s := sideSpec{label: label, backend: "sim"}
	if !ok || label == "" {
		return s, fmt.Errorf("--side %q: expected LABEL=%s", text, sideForms)
	}
	change := what
	if backend, rest, more := strings.Cut(what, ","); backend == "sim" || backend == "real" {
		s.backend, change = backend, rest
		if !more {
			return s, nil
		}
	}
	switch kind, rest, _ := strings.Cut(change, ":"); {
	case kind == "set" && rest != "":
		s.set = assignments(rest)
	case kind == "bin" && rest != "":
		path, err := exec.LookPath(rest)
		if err != nil {
			return s, fmt.Errorf("--side %s: %w", label, err)
		}
		s.bin = path
	case kind == "cmd" && rest != "" && change == what:
		s.foreign.Command = rest
	default:
		return s, fmt.Errorf("--side %s: %q is no side; expected %s", label, what, sideForms)
	}
	return s, nil
}

// assignments cuts "a=1,b=[x, y]" at the commas between assignments.
func assignments(text string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case strings.ContainsRune("[{(", c):
			depth++
		case strings.ContainsRune("]})", c):
			depth--
		case c == ',' && depth == 0:
			out = append(out, text[from:i])
			from = i + 1
		}
	}
	return append(out, text[from:])
}

// sideRun is one run of a side.
type sideRun struct {
	side sideSpec
	name string // of the scenario, as it was asked for
	set  []string
	seed uint64
}

// sideRan is what a run left.
type sideRan struct {
	record compare.Record
	report *reports.Report
	trace  []byte
}

// run makes it.
func (r sideRun) run(ctx context.Context, origin compare.Origin) (out sideRan, err error) {
	origin.Label, origin.Machine = r.side.label, machineClass()
	if r.side.bin != "" {
		return r.elsewhere(ctx, origin)
	}
	s, err := scenarios.Load(r.name, append(append([]string(nil), r.set...), r.side.set...), catalog.Vocabulary())
	if err != nil {
		return out, exit.Usage(fmt.Errorf("side %s: %w", r.side.label, err))
	}
	s = r.side.withPolicy(s)
	scale := scenarios.AsDescribed
	if r.side.backend == "real" {
		scale = scenarios.AsReal
	}
	res, err := runScenario(ctx, s, execution{backend: r.side.backend, seed: r.seed, scale: scale, foreign: r.side.foreign}, func(string, ...any) {})
	if err != nil {
		return out, err
	}
	if res.Aborted != nil && ctx.Err() != nil {
		return out, res.Aborted
	}
	if out.report, out.trace, err = reports.Traced(res); err != nil {
		return out, err
	}
	origin.Text, origin.Tolerance = s.Text, s.Tolerance
	out.record = compare.RecordOf(out.report, origin)
	return out, nil
}

// elsewhere runs another program and reads what it left.
func (r sideRun) elsewhere(ctx context.Context, origin compare.Origin) (out sideRan, err error) {
	work, err := os.MkdirTemp("", "shardquake-side-*")
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	dir := filepath.Join(work, "run")
	words := []string{"run", r.name, "-q", "--seed", strconv.FormatUint(r.seed, 10), "--out", dir}
	if r.side.backend == "real" {
		words = append(words, "--backend", "real", "--no-sim")
	}
	for _, set := range append(append([]string(nil), r.set...), r.side.set...) {
		words = append(words, "--set", set)
	}
	said, runErr := exec.CommandContext(ctx, r.side.bin, words...).CombinedOutput()
	if out.report, err = reports.ReadReport(dir); err != nil {
		return out, fmt.Errorf("%s left no report: %w: %s", r.side.bin, errors.Join(runErr, ctx.Err()), lastLine(said))
	}
	if out.trace, err = reports.ReadTrace(dir, out.report); err != nil {
		return out, err
	}
	if origin.Text, err = os.ReadFile(filepath.Join(dir, reports.FileScenario)); err != nil {
		return out, err
	}
	out.record = compare.RecordOf(out.report, origin)
	return out, nil
}

func lastLine(said []byte) string {
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return lines[len(lines)-1]
}

// machineClass is what figures of real runs depend on.
func machineClass() string {
	return fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
