package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// errSplit means that the keys of a request are on several shards by now.
var errSplit = errors.New("keys on several shards")

// call is a request until it is answered.
type call struct {
	req  wire.Request
	keys []string // all that it concerns; it goes to their shard
	// impatient calls don't come back when a transaction that isn't decided is in the way.
	impatient bool

	// until is when the deadline comes, by the client's clock; 0: nobody has said.
	until time.Duration
	to    shardmap.NodeID // if not the map's primary
	tries int
	doubt bool // an attempt may have had its effect
	last  error
}

func (c *call) writes() bool {
	return c.req.Kind == wire.Write || c.req.Kind == wire.Transact && c.req.Txn.Step != wire.Inquire
}

// do repeats a request until it is answered for good or ctx ends.
func (db *DB) do(ctx context.Context, c *call) (*wire.Response, error) {
	if why := wire.Oversized(c.req.Ops, c.keys); why != "" {
		return nil, fmt.Errorf("%w: %s", ErrInvalid, why)
	}
	began := db.clk.Monotonic()
	c.req.Client = db.cfg.ID
	if c.writes() && c.req.Seq == 0 {
		c.req.Seq = db.number()
		defer db.settle(c.req.Seq)
	}
	for {
		begun := db.clk.Monotonic()
		a, done, err := db.attempt(ctx, c)
		took := db.clk.Monotonic() - begun
		if done {
			db.record(db.clk.Monotonic() - began)
			return a, err
		}
		if c.last == nil || !errors.Is(err, context.DeadlineExceeded) {
			c.last = err // that the time is over doesn't say why it took so long
		}
		if db.cfg.OnRetry != nil {
			db.cfg.OnRetry(c.tries, c.last)
		}
		pause := db.backoff(c.tries)
		if c.writes() && !c.doubt && c.until > 0 && begun+2*took+pause >= c.until {
			// The deadline would come in the middle of the next attempt: it would be unknown
			// then what is known now, that nothing was done.
			return nil, c.giveUp(err)
		}
		if err := db.clk.Sleep(ctx, pause); err != nil {
			return nil, c.giveUp(err)
		}
	}
}

// giveUp is the error of a request that is not repeated any more.
func (c *call) giveUp(why error) error {
	if c.last != nil {
		why = c.last
	}
	if c.doubt {
		// Of another kind it must not be as well: those say that nothing was done.
		return fmt.Errorf("%w after %d attempts: %s", ErrUnknown, c.tries, why)
	}
	return fmt.Errorf("%w after %d attempts: %w", ErrUnavailable, c.tries, why)
}

// backoff is between half of and the whole of a pause that doubles with each attempt.
func (db *DB) backoff(tries int) time.Duration {
	d := db.cfg.MinBackoff << min(tries-1, 20)
	if d <= 0 || d > db.cfg.MaxBackoff {
		d = db.cfg.MaxBackoff
	}
	return d/2 + time.Duration(db.rng.Int64N(int64(d/2)+1))
}

// attempt sends a request once. It reports whether that was the end of it; if not, err
// says why.
func (db *DB) attempt(ctx context.Context, c *call) (a *wire.Response, done bool, err error) {
	c.tries++
	m, err := db.shardMap(ctx)
	if err != nil {
		return nil, false, err
	}
	s := m.Lookup(c.keys[0])
	for _, k := range c.keys {
		if !s.Covers(k) {
			return nil, true, errSplit
		}
	}
	to := db.target(s, c)
	if to == "" {
		_, err := db.refresh(ctx, m.Version())
		return nil, false, also(fmt.Errorf("shard %q has no primary", s.ID), err)
	}
	c.req.Shard, c.req.Epoch, c.req.Retry = s.ID, s.Epoch, c.tries > 1
	if c.writes() {
		c.req.Settled = min(db.settled(), c.req.Seq)
	}
	a, err = db.send(ctx, to, c)
	if err != nil {
		var sent interface{ Unsent() bool }
		if !errors.As(err, &sent) || !sent.Unsent() {
			c.doubt = c.doubt || c.writes()
		}
		c.to = ""
		if _, e := db.refresh(ctx, m.Version()); e != nil {
			err = also(err, e)
		}
		return nil, false, err
	}
	return db.judge(ctx, c, a, s, m, to)
}

// target is the node to ask.
func (db *DB) target(s *shardmap.Shard, c *call) shardmap.NodeID {
	if c.req.Level == wire.One && !c.writes() {
		db.mu.Lock()
		defer db.mu.Unlock()
		if n, err := db.bal.SelectAmong(c.keys[0], s.Replicas, db.clk.Monotonic()); err == nil {
			return n
		}
		return s.Replicas[c.tries%len(s.Replicas)]
	}
	if c.to != "" {
		return c.to
	}
	return s.Primary
}

func (db *DB) send(ctx context.Context, to shardmap.NodeID, c *call) (*wire.Response, error) {
	ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Attempt)
	defer cancel()
	db.mu.Lock()
	db.bal.Begin(to)
	db.mu.Unlock()
	req := c.req
	m, err := db.cfg.Transport.Send(ctx, to, &req)
	db.mu.Lock()
	db.bal.Done(to)
	db.bal.Report(to, err == nil, db.clk.Monotonic())
	db.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", to, err)
	}
	a, ok := m.(*wire.Response)
	if !ok {
		return nil, fmt.Errorf("node %s: an answer of kind %v", to, wire.KindOf(m))
	}
	return a, nil
}

// judge decides what an answer means for a request.
func (db *DB) judge(ctx context.Context, c *call, a *wire.Response, s *shardmap.Shard, m *shardmap.Map, by shardmap.NodeID) (*wire.Response, bool, error) {
	why := answered(a, s.ID, by)
	switch a.Status {
	case wire.OK, wire.Aborted, wire.Committed, wire.Pending:
		return a, true, nil
	case wire.ConditionFailed:
		return a, true, ErrCondition
	case wire.Invalid:
		return a, true, fmt.Errorf("%w: %s", ErrInvalid, a.Reason)
	case wire.Locked:
		free, err := db.meet(ctx, a.Txn)
		if c.impatient && !free {
			err := fmt.Errorf("%w %v", ErrConflict, a.Txn.ID)
			if c.doubt {
				err = c.giveUp(err) // an attempt that is still on its way may find no lock
			}
			return a, true, err
		}
		return nil, false, also(why, err)
	case wire.Unknown:
		c.doubt = c.doubt || c.writes()
	case wire.NotPrimary:
		c.to = ""
		if a.Epoch > s.Epoch {
			c.to = a.Primary
		}
	}
	if a.Status == wire.NotPrimary || a.Status == wire.WrongShard {
		if _, err := db.refresh(ctx, m.Version()); err != nil {
			why = also(why, err)
		}
	}
	return nil, false, why
}

// answered says how a node has answered a request that is not done yet.
func answered(a *wire.Response, shard shardmap.ID, by shardmap.NodeID) error {
	if a.Reason == "" {
		return fmt.Errorf("node %s: shard %s: %v", by, shard, a.Status)
	}
	return fmt.Errorf("node %s: shard %s: %v: %s", by, shard, a.Status, a.Reason)
}

// also is an error with another one, if there is one, on the same line.
func also(err, other error) error {
	if other == nil {
		return err
	}
	return fmt.Errorf("%w; %w", err, other)
}

// scatter does something for each shard that keys are on, at the same time, in groups
// that are made anew when a shard was split meanwhile. It returns the first error in the
// order of keys.
func (db *DB) scatter(ctx context.Context, name string, keys []string, f func(ctx context.Context, keys []string) error) error {
	m, err := db.anyMap(ctx)
	if err != nil {
		return err
	}
	groups := group(m, keys)
	errs := make([]error, len(groups))
	if len(groups) == 1 {
		errs[0] = db.regroup(ctx, name, m, groups[0], f)
	} else {
		g := db.clk.NewGroup()
		for i := range groups {
			g.Go(ctx, name, func(ctx context.Context) { errs[i] = db.regroup(ctx, name, m, groups[i], f) })
		}
		if err := g.Wait(db.clk.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) regroup(ctx context.Context, name string, m *shardmap.Map, keys []string, f func(ctx context.Context, keys []string) error) error {
	err := f(ctx, keys)
	if errors.Is(err, errSplit) {
		// The map that said so has come meanwhile.
		return db.scatter(ctx, name, keys, f)
	}
	return err
}

// group divides keys by the shard they are on.
func group(m *shardmap.Map, keys []string) [][]string {
	var groups [][]string
	at := make(map[shardmap.ID]int)
	for _, k := range keys {
		id := m.GetShardForKey(k)
		i, ok := at[id]
		if !ok {
			i = len(groups)
			at[id] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], k)
	}
	return groups
}
