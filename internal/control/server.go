package control

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// mostBody bounds an order.
const mostBody = 1 << 20

// MaxSpeed is the fastest pace there is.
const MaxSpeed = 1e6

// Runner is the run as orders reach it; its methods are called in processes of its clock.
type Runner interface {
	Now() (t units.Duration, ended bool)
	Plan() []scenarios.PlanEntry
	Inject(ctx context.Context, e chaos.Entry) (scenarios.PlanEntry, error)
	HealOrder(ctx context.Context, id int) (scenarios.PlanEntry, error)
	StepOn(ctx context.Context) error
	AwaitHealth(ctx context.Context, want string, within time.Duration) (bool, error)
}

// Plan is what GET /plan answers.
type Plan struct {
	Now    units.Duration `json:"now"` // since t=0
	Ended  bool           `json:"ended"`
	Speed  float64        `json:"speed"`
	Paused bool           `json:"paused"`
	// Reached is the speed that the machine has kept in the last seconds (absent: none is known),
	// Lag the longest that clients waited in them because it was computing, Lost the machine's time
	// by which the cluster's has fallen behind in all.
	Reached float64               `json:"reached,omitempty"`
	Lag     units.Duration        `json:"lag"`
	Lost    units.Duration        `json:"lost"`
	Faults  []scenarios.PlanEntry `json:"faults"`
}

// Failure is the answer to an order that was not carried out.
type Failure struct {
	Error string `json:"error"`
}

// Server takes orders for a run.
type Server struct {
	Run   Runner
	Pacer *paced.Pacer
	Token string // "": everybody on this machine
}

// Handler is the HTTP interface, and what else is served at its address: pages give orders
// there without asking another origin.
func (s *Server) Handler(also ...func(*http.ServeMux)) http.Handler {
	mux := http.NewServeMux()
	for _, routes := range also {
		routes(mux)
	}
	mux.HandleFunc("GET /plan", s.plan)
	mux.HandleFunc("POST /faults", s.inject)
	mux.HandleFunc("DELETE /faults/{id}", s.heal)
	mux.HandleFunc("POST /pause", func(w http.ResponseWriter, r *http.Request) { s.Pacer.SetPaused(true); s.plan(w, r) })
	mux.HandleFunc("POST /resume", func(w http.ResponseWriter, r *http.Request) { s.Pacer.SetPaused(false); s.plan(w, r) })
	mux.HandleFunc("POST /speed", s.speed)
	mux.HandleFunc("POST /step", s.step)
	mux.HandleFunc("POST /until", s.until)
	return Guard(s.Token, mux)
}

// cookie carries the token of a page's reader.
const cookie = "shardquake-token"

// Guard keeps out who has no token and, without one, what a page of another origin could have
// made a browser send. A page is opened with ?token=TOKEN once; a cookie has it from then on.
func Guard(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token != "" && r.Method == http.MethodGet && same(r.URL.Query().Get("token"), token) {
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
			return
		}
		if status, why := refuses(r, token); status != 0 {
			answer(w, status, Failure{why})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func refuses(r *http.Request, token string) (status int, why string) {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return http.StatusForbidden, "orders from pages of other origins are refused"
	}
	if token != "" {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if c, err := r.Cookie(cookie); err == nil && given == "" {
			given = c.Value
		}
		if !same(given, token) {
			return http.StatusUnauthorized, "expected the token: Authorization: Bearer TOKEN, or ?token=TOKEN once in a browser"
		}
		return 0, ""
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return http.StatusForbidden, "Host " + r.Host + " is not this machine's loopback address"
	}
	return 0, ""
}

func (s *Server) plan(w http.ResponseWriter, r *http.Request) {
	s.order(w, r, http.StatusOK, func(context.Context) (any, error) {
		return s.PlanNow(), nil
	})
}

// PlanNow is the plan as it stands. It is called in a process of the run's clock.
func (s *Server) PlanNow() Plan {
	p := Plan{Faults: s.Run.Plan()}
	p.Now, p.Ended = s.Run.Now()
	p.Speed, p.Paused = s.Pacer.Pace()
	k := s.Pacer.Keeping()
	p.Reached, p.Lag, p.Lost = math.Round(k.Reached*100)/100, units.Duration(k.Lag.Round(time.Millisecond)), units.Duration(k.Lost.Round(time.Millisecond))
	return p
}

func (s *Server) inject(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, Failure{err.Error()})
		return
	}
	e, err := chaos.ReadOrder(text)
	if err != nil {
		answer(w, http.StatusBadRequest, Failure{err.Error()})
		return
	}
	if s.stands(w) {
		return
	}
	s.order(w, r, http.StatusCreated, func(ctx context.Context) (any, error) { return s.Run.Inject(ctx, e) })
}

func (s *Server) heal(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		answer(w, http.StatusBadRequest, Failure{fmt.Sprintf("fault %q: expected its number, from GET /plan", r.PathValue("id"))})
		return
	}
	if s.stands(w) {
		return
	}
	s.order(w, r, http.StatusOK, func(ctx context.Context) (any, error) { return s.Run.HealOrder(ctx, id) })
}

// stands refuses what needs time to pass while it does not.
func (s *Server) stands(w http.ResponseWriter) bool {
	_, paused := s.Pacer.Pace()
	if paused {
		answer(w, http.StatusConflict, Failure{paced.ErrPaused.Error()})
	}
	return paused
}

func (s *Server) speed(w http.ResponseWriter, r *http.Request) {
	speed, err := strconv.ParseFloat(r.FormValue("x"), 64)
	if err != nil || !(speed > 0 && speed <= MaxSpeed) {
		answer(w, http.StatusBadRequest, Failure{fmt.Sprintf("speed %q: expected POST /speed?x=N with a number above 0, at most 1000000", r.FormValue("x"))})
		return
	}
	s.Pacer.SetSpeed(speed)
	s.plan(w, r)
}

// step lets time pass, as fast as it can, until the next fault of the plan strikes or heals.
func (s *Server) step(w http.ResponseWriter, r *http.Request) {
	s.order(w, r, http.StatusOK, func(ctx context.Context) (any, error) {
		enough := s.Pacer.Hurry()
		defer enough()
		if err := s.Run.StepOn(ctx); err != nil {
			return nil, err
		}
		return s.PlanNow(), nil
	})
}

// untilLimit is how long, of the cluster's time, a health is waited for unless it is said.
const untilLimit = time.Hour

// Reached is what POST /until answers.
type Reached struct {
	Health  string         `json:"health"`
	Reached bool           `json:"reached"`
	Now     units.Duration `json:"now"`
}

// until lets time pass, as fast as it can, until the cluster's health is the one asked for.
func (s *Server) until(w http.ResponseWriter, r *http.Request) {
	health, within := r.FormValue("health"), untilLimit
	if !slices.Contains([]string{"green", "yellow", "red"}, health) {
		answer(w, http.StatusBadRequest, Failure{fmt.Sprintf("health %q: expected green, yellow or red", health)})
		return
	}
	if text := r.FormValue("within"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			answer(w, http.StatusBadRequest, Failure{fmt.Sprintf("within %q: expected a time such as 30m", text)})
			return
		}
		within = d
	}
	s.order(w, r, http.StatusOK, func(ctx context.Context) (any, error) {
		enough := s.Pacer.Hurry()
		defer enough()
		reached, err := s.Run.AwaitHealth(ctx, health, within)
		if err != nil {
			return nil, err
		}
		now, _ := s.Run.Now()
		return Reached{Health: health, Reached: reached, Now: now}, nil
	})
}

// order has something done in the run, and answers with what came of it. The text is made
// there too: what it is of belongs to the run.
func (s *Server) order(w http.ResponseWriter, r *http.Request, status int, do func(ctx context.Context) (any, error)) {
	var text []byte
	var failed error
	err := s.Pacer.Do(r.Context(), "order", func(ctx context.Context) {
		var v any
		if v, failed = do(ctx); failed == nil {
			text, failed = json.MarshalIndent(v, "", "  ")
		}
	})
	switch {
	case err != nil:
		answer(w, http.StatusServiceUnavailable, Failure{err.Error()})
	case errors.Is(failed, scenarios.ErrNoFault):
		answer(w, http.StatusNotFound, Failure{failed.Error()})
	case errors.Is(failed, scenarios.ErrRunOver), errors.Is(failed, scenarios.ErrNothingPlanned):
		answer(w, http.StatusConflict, Failure{failed.Error()})
	case failed != nil:
		answer(w, http.StatusBadRequest, Failure{failed.Error()})
	default:
		send(w, status, text)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer can't be written"}`)
	}
	send(w, status, text)
}

func send(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // who has gone needs no answer
}
