package kvload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/client"
)

// worker is one client of a stream. It does one thing at a time, at the stream's pace
// where it can keep up.
type worker struct {
	load   *Load
	stream *Stream
	index  int // of the stream
	number int // in the stream
	id     int
	db     *client.DB
	clk    clock.Clock
	rng    *rand.Rand
	seq    int
	// together is what partners choose their registers by.
	together uint64
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	s := w.stream
	rate := s.Writes + s.Reads
	if rate <= 0 {
		return
	}
	every := time.Duration(float64(time.Second) * float64(s.Clients) / rate)
	began := w.load.cfg.Zero + s.From + w.offset(every)
	for round := int64(0); ; round++ {
		if late := w.clk.Monotonic() - began - every*time.Duration(round); late > 0 {
			round += int64((late + every - 1) / every) // the next one that it can keep
		}
		at := began + every*time.Duration(round)
		if d := at - w.clk.Monotonic(); d > 0 && w.clk.Sleep(ctx, d) != nil {
			return
		}
		if ctx.Err() != nil {
			return
		}
		w.seq++
		write := w.rng.Float64()*rate < s.Writes
		switch s.Kind {
		case Bank:
			if write {
				w.transfer(ctx)
			} else {
				w.audit(ctx)
			}
		case Append:
			w.lists(ctx, write, at-w.load.cfg.Zero)
		default:
			w.register(ctx, write, round, at-w.load.cfg.Zero)
		}
	}
}

// offset is when the rounds of a client begin: those of a stream don't begin all at once,
// but the partners on registers and on lists do, of which it has to be seen how they overlap.
func (w *worker) offset(every time.Duration) time.Duration {
	n, of := w.number, w.stream.Clients
	if w.stream.Kind == Registers || w.stream.Kind == Append {
		n, of = w.pair(), pairs(w.stream.Clients)
	}
	return every * time.Duration(n) / time.Duration(of)
}

// pairs is how many pairs clients make; an odd one joins the last pair.
func pairs(clients int) int { return max(1, clients/2) }

// pair is the number of the pair that a client belongs to.
func (w *worker) pair() int { return min(w.number/2, pairs(w.stream.Clients)-1) }

// register writes or reads a register. Partners take the same one in the same round, and
// each operation counts from the round's beginning, when both are issued: so they overlap
// however fast the machine is. A beginning that is told too early makes an interval longer,
// which lets a check find less but nothing that isn't so. Streams with equally many
// registers have the same ones, wherever their clients are.
func (w *worker) register(ctx context.Context, write bool, round int64, issued time.Duration) {
	l, s := w.load, w.stream
	key := keyOf("r", rand.New(rand.NewPCG(w.together, uint64(round))).IntN(s.Keys), s.Keys)
	op := Op{Op: check.Op{Client: w.id, Key: key, Start: int64(issued)}}
	var err error
	if write {
		op.Kind, op.Level, op.Value = check.Write, s.WriteLevel, fmt.Sprintf("%d.%d", w.id, w.seq)
		_, err = w.db.Put(ctx, key, []byte(op.Value), client.At(s.WriteLevel), client.Within(opLimit))
	} else {
		op.Level = s.ReadLevel
		var r client.Result
		r, err = w.db.Get(ctx, key, client.At(s.ReadLevel), client.Within(opLimit))
		op.Value = string(r.Value)
	}
	end := l.now(w.clk)
	op.End, op.Outcome = int64(end), outcome(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(write, op.Outcome, end-time.Duration(op.Start))
	l.history.Ops = append(l.history.Ops, op)
}

// account is the key of an account of a stream.
func account(stream, i, of int) string { return keyOf("a"+strconv.Itoa(stream), i, of) }

// transfer moves money from one account to another, if there is enough.
func (w *worker) transfer(ctx context.Context) {
	l, s := w.load, w.stream
	from := w.rng.IntN(s.Keys)
	to := (from + 1 + w.rng.IntN(s.Keys-1)) % s.Keys
	amount := int64(1 + w.rng.IntN(20))
	start := l.now(w.clk)
	limited, cancel := w.clk.WithTimeout(ctx, txnLimit)
	err := w.move(limited, account(w.index, from, s.Keys), account(w.index, to, s.Keys), amount)
	cancel()
	o := outcome(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, client.ErrConflict) {
		l.history.Conflicts++
	}
	if o == check.Done {
		l.history.Transfers++
	}
	l.count(true, o, l.now(w.clk)-start)
}

// move is a transfer as a transaction. Too little money is no error.
func (w *worker) move(ctx context.Context, from, to string, amount int64) error {
	t := w.db.Begin()
	a, err := balance(ctx, t, from)
	if err != nil {
		return unread(err)
	}
	b, err := balance(ctx, t, to)
	if err != nil {
		return unread(err)
	}
	if a < amount {
		t.Rollback()
		return nil
	}
	t.Put(from, []byte(strconv.FormatInt(a-amount, 10)))
	t.Put(to, []byte(strconv.FormatInt(b+amount, 10)))
	return t.Commit(ctx)
}

// unread is the error of a transaction that ended while it read: it has done nothing.
func unread(err error) error {
	return fmt.Errorf("%w: %s", client.ErrUnavailable, err.Error())
}

// balance reads an account.
func balance(ctx context.Context, t *client.Txn, key string) (int64, error) {
	r, err := t.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(r.Value), 10, 64)
}

// audit reads all accounts in a transaction, at once: read one after the other, by a slow
// machine, some would have changed each time.
func (w *worker) audit(ctx context.Context) {
	l, s := w.load, w.stream
	audit := check.Audit{Client: w.id, Start: int64(l.now(w.clk))}
	limited, cancel := w.clk.WithTimeout(ctx, txnLimit)
	defer cancel()
	t := w.db.Begin()
	keys := make([]string, s.Keys)
	for i := range keys {
		keys[i] = account(w.index, i, s.Keys)
	}
	all, err := t.GetMany(limited, keys)
	for _, key := range keys {
		r := all[key]
		if !r.Found {
			continue
		}
		money, bad := strconv.ParseInt(string(r.Value), 10, 64)
		if bad != nil {
			continue // an account that holds no money is missing in the count
		}
		audit.Accounts++
		audit.Sum += money
		if money < 0 {
			audit.Negative = key
		}
	}
	if err == nil {
		err = t.Commit(limited)
	}
	o := outcome(err)
	end := l.now(w.clk)
	audit.End = int64(end)
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, client.ErrConflict) {
		l.history.Conflicts++
	}
	l.count(false, o, end-time.Duration(audit.Start))
	if o == check.Done {
		l.history.Audits = append(l.history.Audits, audit)
	}
}

// lists reads two lists in a transaction, and appends to one of them or to both. As of
// registers a transaction counts from its round's beginning, when its partner's is issued too.
func (w *worker) lists(ctx context.Context, write bool, issued time.Duration) {
	l := w.load
	txn := check.Txn{Client: w.id, Start: int64(issued)}
	began := l.now(w.clk)
	limited, cancel := w.clk.WithTimeout(ctx, txnLimit)
	err := w.change(limited, &txn, write)
	cancel()
	txn.Outcome = outcome(err)
	if !write && txn.Outcome == check.Unknown {
		txn.Outcome = check.Refused // nothing that could be done
	}
	end := l.now(w.clk)
	txn.End = int64(end)
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, client.ErrConflict) {
		l.history.Conflicts++
	}
	l.count(write, txn.Outcome, end-began)
	l.history.Txns = append(l.history.Txns, txn)
}

func (w *worker) change(ctx context.Context, txn *check.Txn, write bool) error {
	s := w.stream
	t := w.db.Begin()
	first := w.rng.IntN(s.Keys)
	for i := range 2 {
		key := keyOf("l"+strconv.Itoa(w.index), (first+i*(1+w.rng.IntN(s.Keys-1)))%s.Keys, s.Keys)
		r, err := t.Get(ctx, key)
		if err != nil {
			return unread(err)
		}
		list, err := parseList(string(r.Value))
		if err != nil {
			return unread(err)
		}
		txn.Accesses = append(txn.Accesses, check.Access{Key: key, List: list})
		if !write || i == 0 && w.rng.IntN(2) == 0 {
			continue
		}
		v := w.load.number()
		t.Put(key, []byte(formatList(append(slices.Clone(list), v))))
		txn.Accesses = append(txn.Accesses, check.Access{Key: key, Append: true, Value: v})
	}
	return t.Commit(ctx)
}

// number is one that was not appended before.
func (l *Load) number() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamp++
	return l.stamp
}

func parseList(text string) ([]int, error) {
	var list []int
	for _, field := range strings.Fields(text) {
		v, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%q is no list: %w", text, err)
		}
		list = append(list, v)
	}
	return list, nil
}

func formatList(list []int) string {
	fields := make([]string, len(list))
	for i, v := range list {
		fields[i] = strconv.Itoa(v)
	}
	return strings.Join(fields, " ")
}
