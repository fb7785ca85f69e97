package main

import (
	"bufio"
	"context"
	"encoding/json"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/scenarios/gameday"
)

// drill is a game day on the simulator, at work.
type drill struct {
	page, plan, out string
	lines           *bufio.Scanner
	stop            context.CancelFunc
	ended           chan error
}

// beginDrill starts one that waits for its approval on the page.
func beginDrill(t *testing.T, args ...string) *drill {
	t.Helper()
	d := startDrill(t, append([]string{"--wait-for-page"}, args...)...)
	for d.page == "" && d.lines.Scan() {
		word, rest, _ := strings.Cut(strings.TrimSpace(d.lines.Text()), " ")
		switch word {
		case "plan":
			d.plan = strings.TrimSpace(rest)
		case "page":
			d.page = strings.TrimSpace(rest)
		}
	}
	require.NotEmpty(t, d.page)
	return d
}

// startDrill starts one in a folder of its own.
func startDrill(t *testing.T, args ...string) *drill {
	t.Helper()
	file, err := filepath.Abs("testdata/gameday.yaml")
	require.NoError(t, err)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	read, write := io.Pipe()
	d := &drill{lines: bufio.NewScanner(read), stop: cancel, ended: make(chan error, 1), out: filepath.Join(t.TempDir(), "out")}
	root := newRootCommand()
	root.SetArgs(append([]string{"gameday", file, "-q", "--speed", "30", "--out", d.out}, args...))
	root.SetOut(write)
	root.SetErr(io.Discard)
	go func() {
		d.ended <- root.ExecuteContext(ctx)
		_ = write.Close()
	}()
	return d
}

func (d *drill) until(text string) bool {
	for d.lines.Scan() {
		if strings.Contains(d.lines.Text(), text) {
			return true
		}
	}
	return false
}

func (d *drill) order(t *testing.T, path, text string) {
	t.Helper()
	_, err := control.Client{URL: d.page}.Ask(t.Context(), http.MethodPost, path, []byte(text))
	require.NoError(t, err)
}

func (d *drill) approve(t *testing.T, hash, name string) int {
	t.Helper()
	res, err := http.PostForm(d.page+"/approve", url.Values{"hash": {hash}, "name": {name}, "reason": {"practice"}})
	require.NoError(t, err)
	defer res.Body.Close() //nolint:errcheck // reading only
	return res.StatusCode
}

// kept is the record that a game day leaves.
func (d *drill) kept(t *testing.T) (r struct {
	Held     string            `json:"prediction_held"`
	Verdict  string            `json:"verdict"`
	Approval gameday.Approval  `json:"approval"`
	Moments  []gameday.Moment  `json:"moments"`
	Halt     *gameday.Halt     `json:"halt"`
	Compared []json.RawMessage `json:"compared"`
}) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.out, "gameday.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

func TestADrillWaitsForItsApprovalAndForThatOfItsSteps(t *testing.T) {
	d := beginDrill(t)
	assert.Equal(t, http.StatusBadRequest, d.approve(t, strings.Repeat("0", 64), "me"), "another plan")
	assert.Equal(t, http.StatusBadRequest, d.approve(t, d.plan, ""), "nobody")
	assert.Equal(t, http.StatusAccepted, d.approve(t, d.plan, "me"))
	require.True(t, d.until("wait: step the master dies waits for approval"))
	d.order(t, "/note", "ann: all is well")
	d.order(t, "/next", "ann: ")
	require.True(t, d.until("step: the master dies"))
	require.True(t, d.until("The hypothesis held, as predicted."))
	for d.lines.Scan() { // to its end
	}
	require.NoError(t, <-d.ended)
	r := d.kept(t)
	assert.Equal(t, "yes", r.Held)
	assert.Equal(t, "me", r.Approval.Name)
	var kinds []string
	for _, m := range r.Moments {
		kinds = append(kinds, m.Kind)
	}
	assert.Equal(t, []string{"step", "wait", "note", "approved", "step"}, kinds)
	last := r.Moments[len(r.Moments)-1]
	assert.Equal(t, "10s", r.Moments[1].Plan.String(), "the plan stood while the step waited")
	assert.GreaterOrEqual(t, last.At, last.Plan, "who approves at once loses no time")
	for _, name := range []string{"gameday.html", "chaostoolkit-journal.json", "scenario.yaml", "report.json"} {
		assert.FileExists(t, filepath.Join(d.out, name))
	}
}

func TestAHaltUndoesEverythingAndLeavesItsReason(t *testing.T) {
	d := beginDrill(t, "--speed", "4")
	assert.Equal(t, http.StatusAccepted, d.approve(t, d.plan, "me"))
	require.True(t, d.until("waits for approval"))
	d.order(t, "/next", "")
	require.True(t, d.until("step: the master dies"))
	d.order(t, "/note", "the node is gone by now") // told once the fault has struck
	d.order(t, "/halt", "bob: the shop is slow")
	require.True(t, d.until("halt: the shop is slow (bob)"))
	require.True(t, d.until("undone: everything in force"))
	for d.lines.Scan() {
	}
	err := <-d.ended
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(err))
	r := d.kept(t)
	require.NotNil(t, r.Halt)
	assert.Equal(t, "bob", r.Halt.Who)
	assert.Equal(t, "the shop is slow", r.Halt.Reason)
	assert.Empty(t, r.Halt.Error)
}

func TestTheFirstInterruptHaltsAGameDay(t *testing.T) {
	d := beginDrill(t)
	assert.Equal(t, http.StatusAccepted, d.approve(t, d.plan, "me"))
	require.True(t, d.until("waits for approval"))
	d.stop()
	require.True(t, d.until("halt: interrupted (signal)"))
	for d.lines.Scan() {
	}
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(<-d.ended))
}

// Whoever comes late can still look at what happened; the end of the page is none of the game day.
func TestAKeptPageIsServedAfterTheEndUntilItIsStopped(t *testing.T) {
	d := beginDrill(t, "--keep-page")
	assert.Equal(t, http.StatusAccepted, d.approve(t, d.plan, "me"))
	require.True(t, d.until("waits for approval"))
	d.order(t, "/halt", "the shop is slow")
	require.True(t, d.until("the page is served at "+d.page+" until Ctrl-C"))
	require.FileExists(t, filepath.Join(d.out, "gameday.html"), "the report does not wait for the page")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.page, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	select {
	case err := <-d.ended:
		t.Fatalf("it ended while its page was kept: %v", err)
	default:
	}
	d.stop()
	for d.lines.Scan() {
	}
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(<-d.ended), "it was halted")
	_, err = http.DefaultClient.Do(req)
	assert.Error(t, err, "nobody serves any more")
}

func TestAPageOfAnotherOriginGivesNoOrders(t *testing.T) {
	d := beginDrill(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.page+"/approve", strings.NewReader("hash="+d.plan+"&name=x&reason=y"))
	require.NoError(t, err)
	req.Header.Set("Origin", "http://evil.example")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = res.Body.Close()
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	d.stop()
	for d.lines.Scan() {
	}
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(<-d.ended), "halted by the signal, and never approved")
}

// drilled runs a drill to its end without anybody who watches.
func drilled(t *testing.T, args ...string) (string, int) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var out strings.Builder
	root := newRootCommand()
	root.SetArgs(append([]string{"gameday", "testdata/gameday.yaml", "-q", "--speed", "1000", "--out", filepath.Join(t.TempDir(), "out")}, args...))
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader(""))
	err := root.ExecuteContext(t.Context())
	text := out.String()
	if err != nil {
		text += err.Error()
	}
	return text, exit.CodeOf(err)
}

func TestAGameDayThatNobodyApprovesDoesNothing(t *testing.T) {
	out, code := drilled(t)
	assert.Equal(t, exit.CodeUsage, code)
	assert.Contains(t, out, "not approved: nothing has been done")
	hash := regexp.MustCompile(`plan +([0-9a-f]{64})`).FindStringSubmatch(out)
	require.Len(t, hash, 2)
	out, code = drilled(t, "--approve", hash[1][:12], "--as", "me", "--reason", "practice", "--set", "faults[0].at=11s")
	assert.Equal(t, exit.CodeUsage, code, "a changed plan isn't the approved one")
	assert.Contains(t, out, "look at it again")
}

func TestAGuardrailEndsTheGameDay(t *testing.T) {
	out, code := drilled(t, "--yes", "--set", "gameday.probes=[{name: shop, command: exit 7, for: 3s}]")
	assert.Equal(t, exit.CodeAborted, code)
	assert.Contains(t, out, "halt: probe shop: exit status 7")
	assert.Contains(t, out, "Halted by guardrail")
}

func TestAPlanWhoseWorstCaseTouchesAGuardrailNeedsAReason(t *testing.T) {
	rail := "gameday.guardrails=[{no-red-longer-than: 1ms}]"
	out, code := drilled(t, "--yes", "--set", rail)
	assert.Equal(t, exit.CodeUsage, code)
	assert.Contains(t, out, "simulated runs touch guardrails")
	_, code = drilled(t, "--yes", "--set", rail, "--despite", "to see the guardrail work")
	assert.Equal(t, exit.CodeAborted, code)
}

func TestAScenarioWithoutASectionIsNoGameDay(t *testing.T) {
	root := newRootCommand()
	root.SetArgs([]string{"gameday", "one-node-lost"})
	err := root.ExecuteContext(t.Context())
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
	assert.ErrorContains(t, err, "hypothesis")
}
