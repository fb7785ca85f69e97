package lease

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/undo"
)

// ErrLost says that the agent can't be relied on any more: what is in force has been undone,
// or soon will be.
var ErrLost = errors.New("the lease on what is in force was lost")

// callLimit bounds a call of the agent.
const callLimit = 5 * time.Second

// Remote is an agent as its keeper reaches it.
type Remote struct{ URL, Token string }

// Keeper notes what is begun and undone, in a journal and at an agent, and renews. The zero
// Keeper notes nothing.
type Keeper struct {
	journal *journal.Journal
	agent   *Remote
	ttl     time.Duration

	mu   sync.Mutex
	lost error
	tell func(error)
	stop context.CancelFunc
	done chan struct{}
	open map[string]bool
	// abandoned is whether something is left that could not be undone here.
	abandoned bool
	// steps undo what is open, in the order in which it was begun.
	steps []journal.Entry
}

// NewKeeper makes a keeper; without a journal or an agent (nil) it does without.
func NewKeeper(j *journal.Journal, agent *Remote, ttl time.Duration) *Keeper {
	k := &Keeper{journal: j, agent: agent, ttl: ttl, open: make(map[string]bool)}
	if agent != nil {
		ctx, stop := context.WithCancel(context.Background())
		k.stop, k.done = stop, make(chan struct{})
		go k.renew(ctx)
	}
	return k
}

// Leased is whether there is an agent.
func (k *Keeper) Leased() bool { return k != nil && k.agent != nil }

// OnLost sets who is told when the lease is lost; at once if it is.
func (k *Keeper) OnLost(tell func(error)) {
	if k == nil {
		return
	}
	k.mu.Lock()
	lost := k.lost
	k.tell = tell
	k.mu.Unlock()
	if lost != nil {
		tell(lost)
	}
}

// Begun reports whether a thing is.
func (k *Keeper) Begun(on string) bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open[on]
}

// Begin notes that something is about to be done. When it returns without an error, what is
// done will be undone, whatever becomes of this program.
func (k *Keeper) Begin(ctx context.Context, e journal.Entry) error {
	if k == nil || k.Begun(e.On) {
		return nil
	}
	e.SelfHealing = k.agent != nil
	if k.journal != nil {
		if err := k.journal.Begin(e); err != nil {
			return err
		}
	}
	if k.agent != nil {
		if err := k.agent.call(ctx, "/begin", e); err != nil {
			return errors.Join(k.failed(err), k.neverDone(e.On))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[e.On] = true
	k.steps = append(k.steps, e)
	return nil
}

// neverDone closes the entry of a thing that was written down, but won't be done.
func (k *Keeper) neverDone(on string) error {
	if k.journal == nil {
		return nil
	}
	return k.journal.Undone(on, "nobody: the lease was lost before it was done")
}

// End notes that a thing is as it was.
func (k *Keeper) End(ctx context.Context, on string) error {
	if k == nil || !k.Begun(on) {
		return nil
	}
	if k.journal != nil {
		if err := k.journal.Undone(on, "the run"); err != nil {
			return err
		}
	}
	if k.agent != nil {
		// It is undone: an agent that is gone changes nothing.
		_ = k.agent.call(ctx, "/end", on)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, on)
	k.steps = slices.DeleteFunc(k.steps, func(e journal.Entry) bool { return e.On == on })
	return nil
}

// UndoOpen undoes what is still in force, last first, on nodes that stay. What can't be undone
// stays with the journal and the agent, and is the error.
func (k *Keeper) UndoOpen(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	steps := slices.Clone(k.steps)
	k.mu.Unlock()
	var errs []error
	for _, e := range slices.Backward(steps) {
		err := undo.Do(ctx, e)
		if err == nil {
			err = k.End(ctx, e.On)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("not undone: %s: %w", e.What, err))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.abandoned = len(errs) > 0
	return errors.Join(errs...)
}

// renew renews several times in the life of a lease.
func (k *Keeper) renew(ctx context.Context) {
	defer close(k.done)
	tick := time.NewTicker(k.ttl / 8)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := k.agent.call(ctx, "/renew", nil)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrLost) || time.Since(last) > k.ttl:
			_ = k.failed(err)
			return
		}
	}
}

// failed notes that the lease is lost and tells so once.
func (k *Keeper) failed(err error) error {
	if !errors.Is(err, ErrLost) {
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	k.mu.Lock()
	first := k.lost == nil
	k.lost = err
	tell := k.tell
	k.mu.Unlock()
	if first && tell != nil {
		tell(err)
	}
	return err
}

// Note writes down that an entry can't be undone by steps, or whatever else is worth it.
func (k *Keeper) Note(e journal.Entry) error {
	if k == nil || k.journal == nil {
		return nil
	}
	return k.journal.Begin(e)
}

// Close lets the agent go and closes the journal. What is still in force then goes with what
// it is in force on. It may be called twice.
func (k *Keeper) Close(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	open := k.open
	k.open = map[string]bool{}
	k.mu.Unlock()
	var errs []error
	if k.abandoned {
		open = nil
	}
	if k.journal != nil {
		for on := range open {
			errs = append(errs, k.journal.Undone(on, "the removal of the cluster"))
		}
		errs = append(errs, k.journal.Close())
		k.journal = nil
	}
	if k.stop != nil {
		k.stop()
		<-k.done
		k.stop = nil
		if k.abandoned { // the agent tries on
			return errors.Join(errs...)
		}
		// An agent that is gone, or whose lease has run out, has left already.
		_ = k.agent.call(ctx, "/leave", nil)
	}
	return errors.Join(errs...)
}

// call gives the agent an order.
func (r *Remote) call(ctx context.Context, path string, v any) error {
	_, err := r.ask(ctx, http.MethodPost, path, v)
	return err
}

// State asks the agent how things are.
func (r *Remote) State(ctx context.Context) (State, error) {
	var s State
	text, err := r.ask(ctx, http.MethodGet, "/state", nil)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

func (r *Remote) ask(ctx context.Context, method, path string, v any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set(tokenHeader, r.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("agent of the leases: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // reading only
	text, err := io.ReadAll(io.LimitReader(res.Body, mostBody))
	switch {
	case err != nil:
		return nil, fmt.Errorf("agent of the leases: %w", err)
	case res.StatusCode == http.StatusGone:
		return nil, fmt.Errorf("%w: %s", ErrLost, strings.TrimSpace(string(text)))
	case res.StatusCode >= 300:
		return nil, fmt.Errorf("agent of the leases: %d: %s", res.StatusCode, strings.TrimSpace(string(text)))
	}
	return text, nil
}
