package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim"
)

// run is a run as orders reach it: it remembers them.
type run struct {
	injected []string
	healed   []int
	fails    error
	health   string
}

// planned is a fault of a plan.
func planned() scenarios.PlanEntry {
	e, err := chaos.ReadOrder([]byte("node-loss: {node: n2}"))
	if err != nil {
		panic(err)
	}
	return scenarios.PlanEntry{Planned: e}
}

func (r *run) Now() (units.Duration, bool)  { return units.Duration(time.Minute), false }
func (r *run) Plan() []scenarios.PlanEntry  { return []scenarios.PlanEntry{planned()} }
func (r *run) StepOn(context.Context) error { return r.fails }
func (r *run) HealOrder(_ context.Context, id int) (scenarios.PlanEntry, error) {
	r.healed = append(r.healed, id)
	return planned(), r.fails
}

func (r *run) Inject(_ context.Context, e chaos.Entry) (scenarios.PlanEntry, error) {
	r.injected = append(r.injected, e.Fault.Kind())
	return planned(), r.fails
}

func (r *run) AwaitHealth(_ context.Context, want string, within time.Duration) (bool, error) {
	return want == r.health && within == 30*time.Minute, r.fails
}

// serve serves a run whose time follows the machine's until the test is over.
func serve(t *testing.T, r *run, token string) (control.Client, *paced.Pacer) {
	t.Helper()
	engine, pacer := sim.NewEngine(sim.Config{Seed: 1}), paced.New(1)
	clock := engine.Clock("run")
	ctx, cancel := clock.WithCancel(context.Background())
	end := make(chan struct{})
	clock.Go(ctx, "pace", func(ctx context.Context) {
		pacer.Run(ctx, paced.World{Clock: clock, Next: func() time.Duration { return time.Hour }, Look: func() {
			select {
			case <-end:
				cancel()
			default:
			}
		}})
	})
	over := make(chan error, 1)
	go func() { over <- engine.Run(sim.Never) }()
	s := httptest.NewServer((&control.Server{Run: r, Pacer: pacer, Token: token}).Handler())
	t.Cleanup(func() {
		s.Close()
		close(end)
		assert.NoError(t, <-over)
	})
	return control.Client{URL: s.URL, Token: token}, pacer
}

func ask(t *testing.T, c control.Client, method, path, body string) (string, error) {
	t.Helper()
	text, err := c.Ask(t.Context(), method, path, []byte(body))
	return string(text), err
}

func TestAFaultIsOrderedAndHealed(t *testing.T) {
	r := &run{}
	c, _ := serve(t, r, "")
	_, err := ask(t, c, http.MethodPost, "/faults", "node-loss: {node: n2}")
	require.NoError(t, err)
	assert.Equal(t, []string{"node-loss"}, r.injected)
	_, err = ask(t, c, http.MethodDelete, "/faults/3", "")
	require.NoError(t, err)
	assert.Equal(t, []int{3}, r.healed)
}

func TestWhatIsNoFaultNeverReachesTheRun(t *testing.T) {
	r := &run{}
	c, _ := serve(t, r, "")
	_, err := ask(t, c, http.MethodPost, "/faults", "node-lost: {node: n2}")
	assert.ErrorContains(t, err, "400")
	assert.ErrorContains(t, err, "node-loss", "the nearest name")
	_, err = ask(t, c, http.MethodDelete, "/faults/x", "")
	assert.ErrorContains(t, err, `fault "x": expected its number, from GET /plan`)
	_, err = ask(t, c, http.MethodPost, "/faults", strings.Repeat(" ", 2<<20))
	assert.ErrorContains(t, err, "413")
	assert.Empty(t, r.injected)
	assert.Empty(t, r.healed)
}

func TestWhyARunRefusesAnOrderIsInTheStatus(t *testing.T) {
	for status, failure := range map[string]error{"404": scenarios.ErrNoFault, "409": scenarios.ErrRunOver, "400": errors.New("n9 is no node")} {
		c, _ := serve(t, &run{fails: failure}, "")
		_, err := ask(t, c, http.MethodDelete, "/faults/1", "")
		assert.ErrorContains(t, err, status)
		assert.ErrorContains(t, err, failure.Error())
	}
	c, _ := serve(t, &run{fails: scenarios.ErrNothingPlanned}, "")
	_, err := ask(t, c, http.MethodPost, "/step", "")
	assert.ErrorContains(t, err, "409")
}

func TestWhileTimeStandsNothingStrikes(t *testing.T) {
	r := &run{}
	c, pacer := serve(t, r, "")
	text, err := ask(t, c, http.MethodPost, "/pause", "")
	require.NoError(t, err)
	var p control.Plan
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	assert.True(t, p.Paused)
	assert.Len(t, p.Faults, 1)
	_, err = ask(t, c, http.MethodPost, "/faults", "node-loss: {node: n2}")
	assert.ErrorContains(t, err, paced.ErrPaused.Error())
	assert.Empty(t, r.injected)
	_, err = ask(t, c, http.MethodPost, "/resume", "")
	require.NoError(t, err)
	_, paused := pacer.Pace()
	assert.False(t, paused)
}

func TestThePaceHasBounds(t *testing.T) {
	c, pacer := serve(t, &run{}, "")
	for _, bad := range []string{"0", "-1", "NaN", "fast", "1e7", ""} {
		_, err := ask(t, c, http.MethodPost, "/speed?x="+bad, "")
		assert.ErrorContains(t, err, "400", bad)
	}
	_, err := ask(t, c, http.MethodPost, "/speed?x=12.5", "")
	require.NoError(t, err)
	speed, _ := pacer.Pace()
	assert.InDelta(t, 12.5, speed, 0)
}

func TestAHealthIsWaitedFor(t *testing.T) {
	c, _ := serve(t, &run{health: "green"}, "")
	text, err := ask(t, c, http.MethodPost, "/until?health=green&within=30m", "")
	require.NoError(t, err)
	var got control.Reached
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	assert.True(t, got.Reached)
	assert.Equal(t, units.Duration(time.Minute), got.Now)
	for _, bad := range []string{"health=blue", "health=green&within=soon", "health=green&within=-1s"} {
		_, err := ask(t, c, http.MethodPost, "/until?"+bad, "")
		assert.ErrorContains(t, err, "400", bad)
	}
}

func TestATokenKeepsOthersOut(t *testing.T) {
	c, _ := serve(t, &run{}, "secret")
	_, err := ask(t, c, http.MethodGet, "/plan", "")
	require.NoError(t, err)
	for _, other := range []string{"", "guess"} {
		_, err = ask(t, control.Client{URL: c.URL, Token: other}, http.MethodGet, "/plan", "")
		assert.ErrorContains(t, err, "401", other)
	}
}

func TestAPageIsOpenedWithTheTokenOnce(t *testing.T) {
	c, _ := serve(t, &run{}, "secret")
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	first, err := once.Get(c.URL + "/plan?token=secret")
	require.NoError(t, err)
	require.NoError(t, first.Body.Close())
	assert.Equal(t, http.StatusSeeOther, first.StatusCode)
	assert.Equal(t, "/plan", first.Header.Get("Location"), "the token does not stay in the address")
	cookies := first.Cookies()
	require.Len(t, cookies, 1)
	assert.True(t, cookies[0].HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)
	for value, want := range map[string]int{"secret": 200, "guess": 401} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/plan", http.NoBody)
		require.NoError(t, err)
		req.AddCookie(&http.Cookie{Name: cookies[0].Name, Value: value})
		res, err := once.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, want, res.StatusCode, value)
	}
}

func TestAPageOfAnotherOriginCanGiveNoOrders(t *testing.T) {
	r := &run{}
	h := control.Guard("", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { r.healed = append(r.healed, 1) }))
	for name, change := range map[string]func(*http.Request){
		"another origin":   func(q *http.Request) { q.Header.Set("Origin", "http://elsewhere.example") },
		"a rebound name":   func(q *http.Request) { q.Host = "elsewhere.example:8080" },
		"a public address": func(q *http.Request) { q.Host = "192.0.2.1" },
	} {
		q := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/pause", http.NoBody)
		change(q)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		assert.Equal(t, http.StatusForbidden, w.Code, name)
	}
	assert.Empty(t, r.healed)
	for _, host := range []string{"localhost:8080", "[::1]:8080", "127.0.0.1"} {
		q := httptest.NewRequest(http.MethodPost, "http://"+host+"/pause", http.NoBody)
		h.ServeHTTP(httptest.NewRecorder(), q)
	}
	assert.Len(t, r.healed, 3)
}
