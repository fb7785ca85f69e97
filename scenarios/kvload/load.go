package kvload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// The kinds of streams.
const (
	Registers = "registers"
	Bank      = "bank"
	Append    = "append"
)

// Stream is a number of clients that do the same.
type Stream struct {
	Kind string
	// Viewer is the endpoint they are at.
	Viewer  string
	Clients int
	// Keys are the registers, accounts or lists.
	Keys int
	// Writes and Reads per second, all clients together. Of a bank, Writes are transfers
	// and Reads audits; of lists, both are transactions, that append or only read.
	Writes, Reads float64
	// Tracers per second.
	Tracers               float64
	WriteLevel, ReadLevel wire.Level
	ValueBytes            int
	From                  time.Duration // since t=0
}

// Config is what a load is made of.
type Config struct {
	Cluster Cluster
	Nodes   []string
	Shards  int
	Streams []Stream
	// Items are those of the layout; they are looked for at the end.
	Items int
	// Zero is the monotonic time of t=0.
	Zero time.Duration
	// InFault reports whether a fault is in force.
	InFault func() bool
}

const (
	// opLimit bounds an operation with its repetitions, txnLimit a transaction.
	opLimit, txnLimit = 5 * time.Second, 10 * time.Second
	// opening is the money on each account at first.
	opening = 100
)

// Load is the clients at work. Its methods are for processes of the cluster's clocks.
type Load struct {
	cfg Config

	mu      sync.Mutex // held for moments only
	history History
	counts  Counts
	recent  []time.Duration
	stamp   int // numbers what is appended to lists
}

// New makes a load that does nothing yet.
func New(cfg Config) *Load { return &Load{cfg: cfg} }

// Prepare writes what the streams need to be there: the accounts. It is called before t=0.
func Prepare(ctx context.Context, c Cluster, viewer string, nodes []string, streams []Stream) error {
	for i, s := range streams {
		if s.Kind != Bank {
			continue
		}
		db, err := open(c, viewer, nodes)
		if err != nil {
			return err
		}
		for a := range s.Keys {
			if _, err := db.Put(ctx, account(i, a, s.Keys), []byte(fmt.Sprint(opening)), client.Within(30*time.Second)); err != nil {
				return fmt.Errorf("opening the accounts: %w", err)
			}
		}
	}
	return nil
}

// Start starts all clients as processes of a group; they end with ctx.
func (l *Load) Start(ctx context.Context, group clock.Group) error {
	for i := range l.cfg.Streams {
		s := &l.cfg.Streams[i]
		switch s.Kind {
		case Bank:
			l.history.Accounts += s.Keys
			l.history.Sum += int64(s.Keys) * opening
		}
		together := make(map[int]uint64) // by pair
		for n := range s.Clients {
			w := &worker{load: l, stream: s, number: n, index: i, id: i*1000 + n}
			var err error
			if w.db, err = open(l.cfg.Cluster, s.Viewer, l.cfg.Nodes); err != nil {
				return err
			}
			w.clk = l.cfg.Cluster.Clock(s.Viewer)
			w.rng = w.clk.Rand(fmt.Sprintf("kv.load/%d/%d", i, n))
			if _, drawn := together[w.pair()]; !drawn {
				together[w.pair()] = w.rng.Uint64()
			}
			w.together = together[w.pair()]
			group.Go(ctx, fmt.Sprintf("kv.%s %d", s.Kind, n), w.run)
		}
		if s.Tracers > 0 {
			if err := l.trace(ctx, group, i, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// Counts are what was done until now.
func (l *Load) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	if n := len(l.recent); n > 0 {
		slices.Sort(l.recent)
		c.P50, c.P99 = l.recent[n/2], l.recent[n*99/100]
		l.recent = l.recent[:0]
	}
	return c
}

// History is what was seen until now.
func (l *Load) History() *History {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.history
	return &h
}

// count notes how an operation ended.
func (l *Load) count(write bool, o check.Outcome, took time.Duration) {
	c := &l.counts
	switch {
	case o == check.Done && write:
		c.Acked++
		l.recent = append(l.recent, took)
	case o == check.Done:
		c.Reads++
	case !write:
		c.ReadsFailed++
	case o == check.Unknown:
		c.Unknown++
	default:
		c.Failed++
	}
}

// now is the time since t=0.
func (l *Load) now(clk clock.Clock) time.Duration { return clk.Monotonic() - l.cfg.Zero }

// outcome is what an error says of a write or a transaction. One that was broken off may
// have been done.
func outcome(err error) check.Outcome {
	switch {
	case err == nil:
		return check.Done
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, client.ErrConflict), errors.Is(err, client.ErrCondition), errors.Is(err, client.ErrInvalid):
		if !errors.Is(err, client.ErrUnknown) {
			return check.Refused
		}
	}
	return check.Unknown
}

// causeOf is why a write was not acknowledged, as its client can tell.
func causeOf(ctx context.Context, err error) observed.Cause {
	switch {
	case err == nil:
		return ""
	case ctx.Err() != nil:
		return observed.CauseEnded
	case errors.Is(err, client.ErrUnknown):
		return observed.CauseTimeout
	case errors.Is(err, client.ErrUnavailable):
		return observed.CauseNoPrimary
	case errors.Is(err, client.ErrConflict):
		return observed.CauseConflict
	}
	return observed.CauseRefused
}
