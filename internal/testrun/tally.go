package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// An event is a line of go test -json (see go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A testID names a test, or a package when test is empty.
type testID struct{ pkg, test string }

// name is how a test is called in the lists at the end.
func (t *tally) name(id testID) string {
	pkg := strings.TrimPrefix(id.pkg, t.module+"/")
	if id.test == "" {
		return pkg
	}
	return pkg + "." + id.test
}

// tally counts tests as they end.
type tally struct {
	out           io.Writer
	requireDocker bool
	module        string // its path is left out of names

	passed  int
	failed  []string
	skipped []skip

	outputs  map[testID][]string
	parents  map[testID]bool // tests that have subtests
	failures map[string]int  // failed tests by package
	blamed   map[testID]bool // parents of a test that failed
}

// A skip is a test that was skipped and what it said.
type skip struct{ name, reason string }

func newTally(out io.Writer, requireDocker bool) *tally {
	return &tally{
		out: out, requireDocker: requireDocker,
		outputs: make(map[testID][]string), parents: make(map[testID]bool),
		failures: make(map[string]int), blamed: make(map[testID]bool),
	}
}

func (t *tally) add(e event) {
	id := testID{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "run":
		for parent, ok := id.parent(); ok; parent, ok = parent.parent() {
			t.parents[parent] = true
		}
	case "output":
		if e.Test == "" && e.Output == "PASS\n" {
			return // "ok" follows
		}
		t.outputs[id] = append(t.outputs[id], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(id, e.Action)
		} else {
			t.endTest(id, e.Action)
		}
		delete(t.outputs, id)
	}
}

// parent is the test that a subtest belongs to.
func (id testID) parent() (testID, bool) {
	i := strings.LastIndexByte(id.test, '/')
	if i < 0 {
		return testID{}, false
	}
	return testID{id.pkg, id.test[:i]}, true
}

func (t *tally) endTest(id testID, action string) {
	leaf := !t.parents[id]
	switch action {
	case "pass":
		if leaf {
			t.passed++
		}
	case "skip":
		t.skip(id)
	case "fail":
		fmt.Fprint(t.out, strings.Join(t.outputs[id], ""))
		for parent, ok := id.parent(); ok; parent, ok = parent.parent() {
			t.blamed[parent] = true
		}
		if !t.blamed[id] {
			t.fail(id)
		}
	}
}

func (t *tally) fail(id testID) {
	t.failed = append(t.failed, t.name(id))
	t.failures[id.pkg]++
}

// logged matches what a test logs: a place and a message.
var logged = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)

func (t *tally) skip(id testID) {
	var reason []string
	for _, line := range t.outputs[id] {
		if m := logged.FindStringSubmatch(line); m != nil {
			reason = []string{m[1]}
		} else if len(reason) > 0 && strings.HasPrefix(line, "        ") {
			reason = append(reason, strings.TrimSpace(line)) // the message goes on
		}
	}
	s := skip{t.name(id), strings.Join(reason, " ")}
	if t.requireDocker && s.wantsContainers() {
		fmt.Fprintf(t.out, "--- FAIL: %s: skipped, but SHARDQUAKE_REQUIRE_DOCKER=1: %s\n", s.name, s.reason)
		t.fail(id)
		return
	}
	t.skipped = append(t.skipped, s)
}

// containers matches reasons that mean: no containers on this machine.
var containers = regexp.MustCompile(`(?i)docker|container`)

func (s skip) wantsContainers() bool { return containers.MatchString(s.reason) }

// endPackage prints how a package went, as go test does. One that failed without a
// failing test (it doesn't build, panicked, ran out of time) counts as a failure.
func (t *tally) endPackage(id testID, action string) {
	if action == "skip" {
		return // no test files
	}
	if action == "fail" {
		t.printUnfinished(id.pkg)
		if t.failures[id.pkg] == 0 {
			t.fail(id)
		}
	}
	fmt.Fprint(t.out, strings.Join(t.outputs[id], ""))
}

// printUnfinished prints what tests logged that a panic or the timeout cut short.
func (t *tally) printUnfinished(pkg string) {
	var names []string
	for id := range t.outputs {
		if id.pkg == pkg && id.test != "" {
			names = append(names, id.test)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprint(t.out, strings.Join(t.outputs[testID{pkg, name}], ""))
	}
}

// close prints what was skipped and failed and the closing line, and gives the
// exit status.
func (t *tally) close() int {
	t.printSkips()
	if len(t.failed) > 0 {
		fmt.Fprintln(t.out, "\nFAILED:")
		for _, name := range t.failed {
			fmt.Fprintln(t.out, "   ", name)
		}
	}
	fmt.Fprintf(t.out, "\n%d passed, %d failed, %d skipped\n", t.passed, len(t.failed), len(t.skipped))
	if len(t.failed) > 0 || t.passed == 0 {
		return 1
	}
	return 0
}

// printSkips lists the skipped tests by reason, those for want of containers last
// and loudly.
func (t *tally) printSkips() {
	var reasons, loud []string
	names := make(map[string][]string)
	for _, s := range t.skipped {
		if names[s.reason] == nil {
			if s.wantsContainers() {
				loud = append(loud, s.reason)
			} else {
				reasons = append(reasons, s.reason)
			}
		}
		names[s.reason] = append(names[s.reason], s.name)
	}
	if len(reasons) > 0 {
		fmt.Fprintln(t.out, "\nSKIPPED:")
	}
	for _, r := range reasons {
		fmt.Fprintf(t.out, "    %s (%s)\n", r, strings.Join(names[r], ", "))
	}
	if len(loud) == 0 {
		return
	}
	bar := strings.Repeat("!", 80)
	fmt.Fprintf(t.out, "\n%s\nTESTS WITH CONTAINERS WERE SKIPPED, NOTHING REAL WAS TESTED BY THEM\n", bar)
	for _, r := range loud {
		fmt.Fprintf(t.out, "  because: %s\n", r)
		for _, name := range names[r] {
			fmt.Fprintln(t.out, "     ", name)
		}
	}
	fmt.Fprintln(t.out, bar)
}
