package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// opening is what is in an account that nobody has written yet.
const opening = 100

// ledger is what the tellers have seen and done.
type ledger struct {
	txns      []check.Txn
	audits    []check.Audit
	transfers int
	next      int // value to append
}

// teller is a client that does transactions, one at a time, as a process of its own. It
// dies and comes back as another client.
type teller struct {
	r       *rehearsal
	number  int
	lives   int
	rng     *rand.Rand
	link    kv.Link
	clock   *sim.Clock
	stopped bool
	// txn is the one on lists that is under way, if any.
	txn *check.Txn
}

func newTeller(r *rehearsal, i int) *teller {
	name := fmt.Sprint("client", i)
	return &teller{r: r, number: i, rng: r.e.Stream("kv.client", name), link: kv.Link{Client: r.c.NewClient(name)}}
}

func (t *teller) start() {
	t.lives++
	t.clock = t.r.e.Clock(fmt.Sprint("teller", t.number))
	db, err := client.Open(client.Config{Clock: t.clock, Transport: t.link, Admin: t.r, ID: uint64(t.number+1)<<32 + uint64(t.lives),
		Timeout: 3 * time.Second, Attempt: 700 * time.Millisecond})
	if err != nil {
		t.r.problem("%v", err)
		return
	}
	t.clock.Go(context.Background(), "teller", func(ctx context.Context) {
		for !t.stopped {
			t.work(ctx, db)
			pause := 50 * time.Millisecond
			if !t.r.faults {
				pause = time.Second // all that matters has happened
			}
			if t.clock.Sleep(ctx, time.Duration(t.rng.Int64N(int64(pause)))) != nil {
				return
			}
		}
	})
}

// die ends the process in the middle of what it does; another one begins a little later.
func (t *teller) die() {
	if t.clock.Killed() {
		return
	}
	t.r.res.Deaths++
	t.clock.Kill()
	if t.txn != nil {
		t.finish(client.ErrUnknown)
	}
	t.r.e.After(time.Duration(t.rng.Int64N(int64(time.Second))), "kv.reborn", t.start)
}

func (t *teller) work(ctx context.Context, db *client.DB) {
	switch t.rng.IntN(13) {
	case 0, 1:
		t.audit(ctx, db)
	case 2, 3, 4, 5:
		t.transfer(ctx, db)
	case 6:
		t.batch(ctx, db)
	default:
		t.lists(ctx, db)
	}
}

func (t *teller) account(i int) string { return fmt.Sprintf("key%d.account", i) }

func balance(ctx context.Context, x *client.Txn, key string) (int, error) {
	v, err := x.Get(ctx, key)
	if err != nil || !v.Found {
		return opening, err
	}
	return strconv.Atoi(string(v.Value))
}

// deposit writes what is in an account. One with as much as at first is as good as one that
// nobody has written yet.
func deposit(x *client.Txn, key string, n int) {
	if n == opening {
		x.Delete(key)
		return
	}
	x.Put(key, []byte(strconv.Itoa(n)))
}

// audit reads all accounts.
func (t *teller) audit(ctx context.Context, db *client.DB) {
	a := check.Audit{Client: t.number, Start: int64(t.r.e.Now())}
	x := db.Begin()
	for i := range t.r.Keys {
		n, err := balance(ctx, x, t.account(i))
		if err != nil {
			return
		}
		a.Sum += int64(n)
		a.Accounts++
		if n < 0 {
			a.Negative = t.account(i)
		}
	}
	if x.Commit(ctx) == nil {
		a.End = int64(t.r.e.Now())
		t.r.ledger.audits = append(t.r.ledger.audits, a)
	}
}

// transfer moves money from one account to another.
func (t *teller) transfer(ctx context.Context, db *client.DB) {
	from := t.rng.IntN(t.r.Keys)
	to := (from + 1 + t.rng.IntN(t.r.Keys-1)) % t.r.Keys
	x := db.Begin()
	a, err := balance(ctx, x, t.account(from))
	if err != nil {
		return
	}
	b, err := balance(ctx, x, t.account(to))
	amount := 1 + t.rng.IntN(30)
	if err != nil || a < amount {
		return
	}
	if a > opening && t.rng.IntN(2) == 0 {
		amount = a - opening
	}
	deposit(x, t.account(from), a-amount)
	deposit(x, t.account(to), b+amount)
	err = x.Commit(ctx)
	t.count(err)
	if err == nil {
		t.r.ledger.transfers++
	}
}

// lists reads and appends to some lists.
func (t *teller) lists(ctx context.Context, db *client.DB) {
	t.txn = &check.Txn{Client: t.number, Start: int64(t.r.e.Now())}
	x := db.Begin()
	appends := t.rng.IntN(4) > 0
	for range 1 + t.rng.IntN(3) {
		key := fmt.Sprintf("key%d.list", t.rng.IntN(t.r.Keys))
		v, err := x.Get(ctx, key)
		if err != nil {
			t.txn = nil // nothing was written, and nothing is known
			return
		}
		list, err := parseList(string(v.Value))
		if err != nil {
			t.r.problem("%s: %v", key, err)
			return
		}
		if !appends || t.rng.IntN(2) == 0 {
			t.txn.Accesses = append(t.txn.Accesses, check.Access{Key: key, List: list})
			continue
		}
		t.r.ledger.next++
		t.txn.Accesses = append(t.txn.Accesses, check.Access{Key: key, Append: true, Value: t.r.ledger.next})
		x.Put(key, []byte(strings.TrimPrefix(string(v.Value)+","+strconv.Itoa(t.r.ledger.next), ",")))
	}
	err := x.Commit(ctx)
	if t.clock.Killed() {
		return // died, and has been counted
	}
	t.count(err)
	t.finish(err)
}

// batch writes several keys at once, or reads them: registers, each for itself.
func (t *teller) batch(ctx context.Context, db *client.DB) {
	op := check.Op{Client: t.number, Start: int64(t.r.e.Now()), Outcome: check.Unknown}
	var keys []string
	var ops []wire.Op
	t.r.ledger.next++
	for i := range t.r.Keys {
		if key := fmt.Sprintf("key%d.batch", i); t.rng.IntN(2) == 0 {
			keys = append(keys, key)
			ops = append(ops, wire.Op{Key: key, Value: []byte(strconv.Itoa(t.r.ledger.next))})
		}
	}
	if t.rng.IntN(2) == 0 {
		found, err := db.GetMany(ctx, keys)
		for _, key := range keys {
			if op.Key, op.Value = key, string(found[key].Value); err == nil {
				op.Outcome, op.End = check.Done, int64(t.r.e.Now())
				t.r.history = append(t.r.history, op)
			}
		}
		return
	}
	first := len(t.r.history)
	op.Kind, op.Value = check.Write, strconv.Itoa(t.r.ledger.next)
	for _, key := range keys {
		op.Key = key
		t.r.history = append(t.r.history, op) // should it die meanwhile
	}
	err := db.Batch(ctx, ops)
	if t.clock.Killed() {
		return // died: what it would have said isn't said
	}
	var part *client.BatchError
	partly := errors.As(err, &part)
	for i, key := range keys {
		x := &t.r.history[first+i]
		x.End = int64(t.r.e.Now())
		switch {
		case err == nil, partly && slices.Contains(part.Done, key):
			x.Outcome = check.Done
		case partly && slices.Contains(part.NotDone, key):
			x.Outcome = check.Refused
		}
	}
}

func parseList(s string) (list []int, err error) {
	if s == "" {
		return nil, nil
	}
	for _, f := range strings.Split(s, ",") {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// finish notes how the transaction on lists ended.
func (t *teller) finish(err error) {
	x := *t.txn
	t.txn = nil
	x.End = int64(t.r.e.Now())
	switch {
	case errors.Is(err, client.ErrUnknown):
		x.Outcome = check.Unknown
	case err != nil:
		x.Outcome = check.Refused
	}
	t.r.ledger.txns = append(t.r.ledger.txns, x)
}

func (t *teller) count(err error) {
	switch {
	case err == nil:
		t.r.res.Committed++
	case errors.Is(err, client.ErrUnknown):
		t.r.res.Doubtful++
	case errors.Is(err, client.ErrConflict):
		t.r.res.Conflicts++
	}
}

func (r *rehearsal) judgeTransactions() {
	r.res.Report = check.Registers(r.history, check.Floor{Ops: 20})
	r.res.Lists = check.Transactions(r.ledger.txns, r.failovers, check.TxnFloor{Txns: 50, Overlaps: 5, Failovers: 2})
	r.res.Bank = check.Bank(r.ledger.audits, r.Keys, int64(r.Keys)*opening, r.ledger.transfers, r.failovers,
		check.BankFloor{Audits: 5, Transfers: 5, Failovers: 2})
}
