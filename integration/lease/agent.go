package lease

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/undo"
)

const (
	// DefaultTTL is how long a lease holds without renewal: a machine that is busy with
	// something else for some seconds does not end a run.
	DefaultTTL = 10 * time.Second
	lookEvery  = 100 * time.Millisecond
	againAfter = 500 * time.Millisecond
	// idleLimit is how long an agent stays that has nothing to undo and hears of nobody, and
	// tryLimit how long it tries to undo what it can't.
	idleLimit = 30 * time.Second
	tryLimit  = 30 * time.Minute
	mostBody  = 1 << 20
)

// Healed is what became of an entry when its lease had run out.
type Healed struct {
	On string `json:"on"`
	// After is the seconds from the last renewal until it was undone.
	After float64 `json:"after_s"`
	Tries int     `json:"tries"`
	Error string  `json:"error,omitempty"`
}

// State is what an agent says of itself.
type State struct {
	TTL     float64  `json:"ttl_s"`
	Expired bool     `json:"expired"`
	Open    []string `json:"open"`
	Healed  []Healed `json:"healed,omitempty"`
}

// Agent holds leases.
type Agent struct {
	TTL   time.Duration
	Token string
	// Undo carries out an entry's steps.
	Undo func(ctx context.Context, e journal.Entry) error

	mu      sync.Mutex
	open    []journal.Entry
	healed  []Healed
	renewed time.Time
	expired bool
	ended   context.CancelFunc
}

// NewAgent makes an agent that undoes for real.
func NewAgent(ttl time.Duration, token string) *Agent {
	return &Agent{TTL: ttl, Token: token, Undo: undo.Do, renewed: time.Now()}
}

// Serve answers at a listener and watches the leases, until it is told to end, or there is
// nothing left to do for it.
func (a *Agent) Serve(ctx context.Context, l net.Listener) error {
	ctx, a.ended = context.WithCancel(ctx)
	defer a.ended()
	server := &http.Server{Handler: a.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	defer func() { _ = server.Close() }()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		if a.over() {
			a.healAll(ctx)
		}
		if a.idle() {
			return nil
		}
	}
}

// over reports whether the lease has run out with something in force.
func (a *Agent) over() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.renewed) <= a.TTL {
		return false
	}
	if len(a.open) == 0 {
		return false
	}
	a.expired = true
	return true
}

func (a *Agent) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	since := time.Since(a.renewed)
	return since > idleLimit && len(a.open) == 0 || since > tryLimit
}

// healAll undoes everything, last first: each is begun without waiting for the one before.
// What can't be undone is tried again later.
func (a *Agent) healAll(ctx context.Context) {
	a.mu.Lock()
	open := slices.Clone(a.open)
	a.mu.Unlock()
	slices.Reverse(open)
	var group sync.WaitGroup
	for _, e := range open {
		group.Go(func() { a.note(e, a.Undo(ctx, e)) })
	}
	group.Wait()
	a.mu.Lock()
	left := len(a.open)
	a.mu.Unlock()
	if left > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(againAfter):
		}
	}
}

func (a *Agent) note(e journal.Entry, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.healed, func(h Healed) bool { return h.On == e.On })
	if i < 0 {
		i = len(a.healed)
		a.healed = append(a.healed, Healed{On: e.On})
	}
	h := &a.healed[i]
	h.After, h.Tries, h.Error = time.Since(a.renewed).Seconds(), h.Tries+1, ""
	if err != nil {
		h.Error = err.Error()
		return
	}
	a.open = slices.DeleteFunc(a.open, func(x journal.Entry) bool { return x.On == e.On })
}

// errExpired is the answer to whom the lease has run out.
var errExpired = errors.New("the lease has run out, and what was in force has been undone")

// Handler is the agent's HTTP interface.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { a.tell(w) })
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, r *http.Request) {
		var e journal.Entry
		if !read(w, r, &e) {
			return
		}
		a.order(w, func() { a.open = append(a.open, e) })
	})
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, r *http.Request) {
		var on string
		if !read(w, r, &on) {
			return
		}
		a.order(w, func() { a.open = slices.DeleteFunc(a.open, func(e journal.Entry) bool { return e.On == on }) })
	})
	mux.HandleFunc("POST /renew", func(w http.ResponseWriter, _ *http.Request) { a.order(w, func() {}) })
	mux.HandleFunc("POST /leave", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		a.open = nil
		a.mu.Unlock()
		a.tell(w)
		a.ended()
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(a.Token)) != 1 {
			http.Error(w, "expected the token of this agent's keeper", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

const tokenHeader = "X-Shardquake-Lease"

// order renews the lease and does something, unless it has run out.
func (a *Agent) order(w http.ResponseWriter, do func()) {
	a.mu.Lock()
	if a.expired {
		a.mu.Unlock()
		http.Error(w, errExpired.Error(), http.StatusGone)
		return
	}
	a.renewed = time.Now()
	do()
	a.mu.Unlock()
	a.tell(w)
}

func (a *Agent) tell(w http.ResponseWriter) {
	a.mu.Lock()
	s := State{TTL: a.TTL.Seconds(), Expired: a.expired, Open: []string{}, Healed: slices.Clone(a.healed)}
	for _, e := range a.open {
		s.Open = append(s.Open, e.On)
	}
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // who has gone needs no answer
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
