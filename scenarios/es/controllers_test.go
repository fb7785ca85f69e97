package es

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// decides notes that a controller did something.
func (s story) decides(t float64, controller, action string, acted bool) story {
	s.h.Decided(observed.Decision{Seq: len(s.h.Decisions) + 1, Controller: controller, At: at(t), Decided: action, Acted: acted})
	return s
}

func TestDecidedCountsFromTheFaultToTheFirstTimeItWasDone(t *testing.T) {
	s := tell("n1", "n2").decides(5, "controller", "retry-failed", true).fault(10, 30, lost).
		decides(12, "controller", "retry-failed", false).decides(35, "controller", "wait, retry-failed", true)
	out := judge(t, s, "{decided: retry-failed, within: 30s, of: node-loss}")
	require.Len(t, out, 1)
	assert.InDelta(t, 25, *out[0].Observed, 1e-9, "what came before the fault or did nothing doesn't count")
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{decided: retry-failed, within: 20s, of: node-loss}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{decided: retry-failed, within: 6s}"), "without a fault it counts from t=0")
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{decided: retry, within: 60s, of: node-loss}"), "names are whole")
	assert.Equal(t, scenarios.Unknown, verdict(t, s, "{decided: lift-block, within: 200s}"), "the run was too short to tell")
}

func TestDecidedCountsTimesAndTellsControllersApart(t *testing.T) {
	s := tell("n1").decides(5, "controller", "take-lead", true).decides(20, "controller-2", "take-lead", true)
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{decided: take-lead, times: '= 2'}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{decided: take-lead, by: controller, times: '= 1'}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{decided: take-over, times: '>= 1'}"))
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{decided: take-over, times: '= 0'}"), "a controller that recorded nothing proves nothing")
}

func TestRecordsOfTwoControllersDoNotReplaceEachOther(t *testing.T) {
	h := &observed.History{}
	h.Decided(observed.Decision{Seq: 1, Controller: "controller"})
	h.Decided(observed.Decision{Seq: 1, Controller: "controller-2"})
	h.Decided(observed.Decision{Seq: 1, Controller: "controller", Effect: "known now"})
	require.Len(t, h.Decisions, 2)
	assert.Equal(t, "known now", h.Decisions[0].Effect)
}

func TestWhatIsWrongWithAControllerIsSaid(t *testing.T) {
	for was, want := range map[string]string{
		"count: 10":                       "10 instances; expected 1 to 9",
		"count: 2, lease: 1s":             "a lease of 1s can't be renewed in time",
		"approve: [clear-filter]":         "approvals mean something only with recovery: true",
		"recovery: perhaps":               "sample.yaml:10",
		"count: 2, endpoints: [n1], x: 1": `unknown key "x"`,
	} {
		_, err := scenarios.Parse("sample.yaml", []byte(strings.Replace(sample, "endpoints: [n1]", was, 1)), testVocabulary)
		require.Error(t, err, was)
		assert.Contains(t, err.Error(), want, was)
	}
	windows := strings.Replace(sample, "policy: variance, endpoints: [n1]", "policy: disk, off-peak: ['22:00-06:00']", 1)
	_, err := scenarios.Parse("sample.yaml", []byte(windows), testVocabulary)
	require.ErrorContains(t, err, "windows mean something only with tuning: true or policy: variance")
	for was, want := range map[string]string{
		"{decided: retry-failed}":                              "expected either within: with a time or times:",
		"{decided: retry-failed, within: 1m, times: '= 1'}":    "expected either within: with a time or times:",
		"{decided: retry-failed, within: 1m, by: controler}":   `unknown controller "controler"; did you mean "controller"?`,
		"{decided: retry-failed, within: 1m, healed: true}":    "there is no end of a fault to count from",
		"{decided: retry-failed, within: 1m, of: partition}":   "this scenario has no fault of that kind",
		"{decided: a, times: '= 1', of: node-loss, within: 0}": "it goes with neither of: nor healed:",
	} {
		_, err := scenarios.Parse("sample.yaml", []byte(strings.Replace(sample, "{recovered: green, within: 1m, of: node-loss}", was, 1)), testVocabulary)
		require.Error(t, err, was)
		assert.Contains(t, err.Error(), want, was)
	}
}

func TestMoreThanOneControllerShareALease(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(strings.Replace(sample, "endpoints: [n1]", "count: 2", 1)), testVocabulary)
	require.NoError(t, err)
	assert.Equal(t, "15s", s.Controller.Lease.String())
	assert.Equal(t, []string{"controller", "controller-2", "client"}, s.ClusterSpec().Viewers)
	assert.Equal(t, []string{"controller", "controller-2"}, s.Topology().Controllers)
}

// idle is a controller that waits for its end.
type idle struct{ stop clock.Event }

func (i idle) Run(ctx context.Context) error { return i.stop.Wait(ctx) }
func (i idle) Stop()                         { i.stop.Set() }

// employer is a run that hires controllers and does nothing else.
type employer struct {
	clock    clock.Clock
	scenario *scenarios.Scenario
	hire     func(scenarios.SupervisorConfig) (scenarios.Supervisor, error)
}

func (employer) History() *observed.History      { return &observed.History{} }
func (h employer) Scenario() *scenarios.Scenario { return h.scenario }
func (h employer) Clock() clock.Clock            { return h.clock }
func (h employer) NewSupervisor(c scenarios.SupervisorConfig) (scenarios.Supervisor, error) {
	return h.hire(c)
}
func (employer) Zero() time.Duration                                   { return 0 }
func (employer) Progress(string, ...any)                               {}
func (employer) SleepUntil(ctx context.Context, _ time.Duration) error { return ctx.Err() }
func (employer) Sample(context.Context, clock.Group)                   {}
func (employer) FaultInForce() bool                                    { return false }
func (employer) Log(string)                                            {}
func (employer) Decided(observed.Decision)                             {}
func (employer) Explain(context.Context, scenarios.SupervisorConfig) ([]observed.Ailment, error) {
	return nil, nil
}

// plainCluster answers what controllers ask of a cluster.
type plainCluster struct {
	Cluster
	clock clock.Clock
}

func (c plainCluster) Nodes() []string          { return []string{"n1"} }
func (c plainCluster) URL(_, n string) string   { return "http://" + n }
func (c plainCluster) Clock(string) clock.Clock { return c.clock }

func (c plainCluster) Transport(string) http.RoundTripper { return http.DefaultTransport }

func TestAControllerIsKilledStartedAgainAndStopped(t *testing.T) {
	clk := clock.NewReal(1)
	sc, err := scenarios.Parse("sample.yaml", []byte(sample), testVocabulary)
	require.NoError(t, err)
	var saved []string
	cluster := plainCluster{clock: clk}
	hire := func(cfg scenarios.SupervisorConfig) (scenarios.Supervisor, error) {
		data, err := cfg.Disk.Load()
		saved = append(saved, cfg.Name+" "+string(data))
		return idle{clk.NewEvent()}, errors.Join(err, cfg.Disk.Save([]byte("kept")))
	}
	c := newControllers(sc.Scenario, &session{r: employer{clk, sc.Scenario, hire}, cluster: cluster, answers: &answers{cluster: cluster}})
	group := clk.NewGroup()
	ctx := t.Context()
	_, err = c.State(ctx, "controller")
	require.Error(t, err, "it doesn't run yet")
	require.NoError(t, c.start(ctx, group))
	state := func() chaos.ProcessState {
		st, err := c.State(ctx, "controller")
		require.NoError(t, err)
		return st
	}
	assert.Equal(t, chaos.Running, state())
	require.NoError(t, c.Kill(ctx, "controller"))
	assert.Equal(t, chaos.Exited, state())
	require.NoError(t, c.Start(ctx, "controller"))
	assert.Equal(t, chaos.Running, state())
	require.NoError(t, c.Stop(ctx, "controller"))
	assert.Equal(t, chaos.Exited, state())
	require.NoError(t, group.Wait(ctx))
	assert.Equal(t, []string{"controller ", "controller kept"}, saved, "its disk survives it")
	assert.Error(t, c.Pause(ctx, "controller"))
	assert.Error(t, c.Kill(ctx, "controller-7"))
}
