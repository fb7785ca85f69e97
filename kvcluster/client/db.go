package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/balance"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Errors of operations, wrapped with the particulars.
var (
	// ErrUnknown means that the write may have been done, or may be done yet.
	ErrUnknown = errors.New("outcome unknown")
	// ErrUnavailable means that nothing was done before the deadline.
	ErrUnavailable = wire.ErrUnavailable
	// ErrCondition means that nothing was written because a condition didn't hold.
	ErrCondition = errors.New("condition failed")
	// ErrConflict means that nothing was written because another transaction was in the
	// way: begin again.
	ErrConflict = errors.New("conflict with another transaction")
	// ErrInvalid means that the request makes no sense.
	ErrInvalid = errors.New("invalid request")
	// ErrDone means that the transaction was committed or rolled back before.
	ErrDone = errors.New("the transaction is over")
)

// Transport carries requests to nodes.
type Transport interface {
	// Send sends a request to a node and waits for its answer. An error means that there
	// was none: the request may have arrived, unless an error in the chain has a method
	// Unsent() bool that says that it hasn't.
	Send(ctx context.Context, to shardmap.NodeID, m wire.Message) (wire.Message, error)
}

// Admin carries commands to the metadata group. Its answer is not nil without an error. An
// error that wraps ErrUnavailable means that nothing was done and that asking again may help.
type Admin interface {
	Command(ctx context.Context, c wire.Command) (*wire.AdminResult, error)
}

// Config configures a DB. Zero fields stand for the defaults.
type Config struct {
	Transport Transport // required
	Admin     Admin     // required
	// Clock is the machine's unless set.
	Clock clock.Clock
	// ID tells clients apart, over restarts too; drawn at random.
	ID uint64
	// Level is that of requests that don't name one; what the cluster's settings say of reads
	// and of writes unless set.
	Level *wire.Level
	// Timeout is how long an operation takes at most, unless its context ends before;
	// 10 s. Attempt is how long one attempt waits for an answer; 2 s.
	Timeout, Attempt time.Duration
	// MinBackoff and MaxBackoff bound the pause between attempts; 10 ms and 500 ms.
	MinBackoff, MaxBackoff time.Duration
	// LockTimeout is after which a transaction that is in the way is aborted; 1 s.
	LockTimeout time.Duration
	// CacheEntries is how many values are kept for reads at ONE, for CacheTTL (1 s) at most;
	// none unless set.
	CacheEntries int
	CacheTTL     time.Duration
	// OnRetry is told why a request is not answered yet, before it is repeated.
	OnRetry func(tries int, why error)
	// Strategy chooses the copy that a read at ONE goes to; what the cluster's settings say
	// unless set.
	Strategy *balance.Strategy
	// SettingsFor is how long the cluster's settings are believed before they are asked for
	// again; 5 s.
	SettingsFor time.Duration
}

// DB is a client of a cluster. Its methods may be used by several processes at once; their
// contexts must be those of processes of its clock.
type DB struct {
	cfg Config
	clk clock.Clock
	rng *rand.Rand

	mu    sync.Mutex  // for short sections that never wait
	level *wire.Level // nil: the cluster's
	m     *shardmap.Map
	// The cluster's settings when they were last asked for.
	settings   wire.Settings
	settingsAt time.Duration
	asking     bool
	seq        uint64
	open       []uint64 // numbers of requests that may be repeated, in order
	locks      map[wire.TxnID]time.Duration
	bal        *balance.Balancer
	cache      *cache
	lat        latencies
	// unfinished counts transactions that were left for others.
	unfinished int

	refreshing clock.Mutex
}

// Open makes a client. It doesn't contact anybody yet.
func Open(cfg Config) (*DB, error) {
	if cfg.Transport == nil || cfg.Admin == nil {
		return nil, fmt.Errorf("client: a transport and an admin are needed: %w", ErrInvalid)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System()
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.Timeout, 10*time.Second)
	def(&cfg.Attempt, 2*time.Second)
	def(&cfg.MinBackoff, 10*time.Millisecond)
	def(&cfg.MaxBackoff, 500*time.Millisecond)
	def(&cfg.LockTimeout, time.Second)
	def(&cfg.CacheTTL, time.Second)
	def(&cfg.SettingsFor, 5*time.Second)
	var strategy balance.Strategy
	if cfg.Strategy != nil {
		strategy = *cfg.Strategy
	}
	bal, err := balance.New(balance.Config{Strategy: strategy})
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	db := &DB{cfg: cfg, clk: cfg.Clock, rng: cfg.Clock.Rand("kv.client"), level: cfg.Level, bal: bal,
		locks: make(map[wire.TxnID]time.Duration), cache: newCache(cfg.CacheEntries, cfg.CacheTTL), refreshing: cfg.Clock.NewMutex()}
	for db.cfg.ID == 0 {
		db.cfg.ID = db.rng.Uint64()
	}
	return db, nil
}

// ParseLevel reads "one", "quorum" or "all".
func ParseLevel(name string) (wire.Level, error) {
	for _, l := range []wire.Level{wire.One, wire.Quorum, wire.All} {
		if strings.EqualFold(l.String(), name) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("no level %q, there are one, quorum and all: %w", name, ErrInvalid)
}

// SetConsistencyLevel sets the level of requests that don't name one.
func (db *DB) SetConsistencyLevel(name string) error {
	l, err := ParseLevel(name)
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.level = &l
	return nil
}

// shardMap is the map as far as it is known; it is fetched if there is none.
func (db *DB) shardMap(ctx context.Context) (*shardmap.Map, error) {
	db.mu.Lock()
	m := db.m
	db.mu.Unlock()
	if m != nil {
		return m, nil
	}
	return db.refresh(ctx, 0)
}

// anyMap is shardMap for those who can't go on without: it asks until ctx ends.
func (db *DB) anyMap(ctx context.Context) (*shardmap.Map, error) {
	c := call{}
	for {
		m, err := db.shardMap(ctx)
		if err == nil {
			return m, nil
		}
		c.tries++
		if c.last == nil || !errors.Is(err, context.DeadlineExceeded) {
			c.last = err
		}
		if db.cfg.OnRetry != nil {
			db.cfg.OnRetry(c.tries, c.last)
		}
		if err := db.clk.Sleep(ctx, db.backoff(c.tries)); err != nil {
			return nil, c.giveUp(err)
		}
	}
}

// refresh fetches the map, unless another process does so with a newer result than
// the version given.
func (db *DB) refresh(ctx context.Context, than uint64) (*shardmap.Map, error) {
	if err := db.refreshing.Lock(ctx); err != nil {
		return nil, err
	}
	defer db.refreshing.Unlock()
	db.mu.Lock()
	m := db.m
	db.mu.Unlock()
	if m != nil && m.Version() > than {
		return m, nil
	}
	s, err := db.state(ctx)
	if err != nil {
		return nil, err
	}
	next, err := shardmap.FromShards(s.MapVersion, s.Shards)
	if err != nil {
		return nil, fmt.Errorf("state of the cluster: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.m == nil || next.Version() > db.m.Version() {
		db.m = next
		for _, n := range next.Nodes() {
			db.bal.Set(n, 1)
		}
	}
	return db.m, nil
}

// state asks for the cluster's metadata.
func (db *DB) state(ctx context.Context) (*wire.ClusterState, error) {
	r, err := db.cfg.Admin.Command(ctx, wire.Command{Kind: wire.GetState})
	if err != nil {
		return nil, fmt.Errorf("state of the cluster: %w", err)
	}
	if r.State == nil {
		return nil, fmt.Errorf("state of the cluster: %v: %s: %w", r.Status, r.Reason, ErrUnavailable)
	}
	return r.State, db.adopt(r.State)
}

// number begins a request: its number, to be given to settle when it won't be repeated.
func (db *DB) number() uint64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.seq++
	db.open = append(db.open, db.seq)
	return db.seq
}

func (db *DB) settle(seq uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for i, s := range db.open {
		if s == seq {
			db.open = append(db.open[:i], db.open[i+1:]...)
			return
		}
	}
}

// settled is the number below which no request is repeated.
func (db *DB) settled() uint64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	if len(db.open) == 0 {
		return db.seq
	}
	return db.open[0]
}
