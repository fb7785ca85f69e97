package rehearse

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim/kv"
)

// script is a client that reads and writes, one operation at a time, at levels QUORUM
// and ALL.
type script struct {
	r       *rehearsal
	k       *kv.Client
	rng     *rand.Rand
	number  int
	seq     uint64
	m       *shardmap.Map   // as far as it knows
	primary shardmap.NodeID // if not the map's
	stopped bool
	seen    map[string]string // what it last knew of keys that it compares and sets

	req   *wire.Request
	op    check.Op
	tries int
	doubt bool // an attempt of this operation may have had its effect
}

func newScript(r *rehearsal, i int) *script {
	name := fmt.Sprint("client", i)
	return &script{r: r, k: r.c.NewClient(name), rng: r.e.Stream("kv.client", name), number: i, m: r.m, seen: make(map[string]string)}
}

// next begins an operation.
func (s *script) next() {
	if s.stopped {
		return
	}
	s.seq++
	key := fmt.Sprint("key", s.rng.IntN(s.r.Keys))
	s.op = check.Op{Client: s.number, Key: key, Start: int64(s.r.e.Now())}
	s.req = &wire.Request{Client: uint64(s.number) + 1, Seq: s.seq, Settled: s.seq, Level: wire.Quorum}
	// Every other client hardly writes, and hardly asks all copies: it stays long at a primary
	// that is cut off, where the others soon learn that something is wrong.
	oneIn, swaps, all := 2, 5, 10
	if s.number%2 == 1 {
		oneIn, swaps, all = 40, 40, 40
	}
	if s.rng.IntN(all) == 0 {
		s.req.Level = wire.All
	}
	if s.rng.IntN(swaps) == 0 {
		s.swap(key + ".swap")
	} else if s.rng.IntN(oneIn) == 0 {
		s.op.Kind, s.op.Value = check.Write, fmt.Sprintf("%d.%d", s.number, s.seq)
		s.req.Kind, s.req.Ops = wire.Write, []wire.Op{{Key: key, Value: []byte(s.op.Value)}}
	} else {
		s.req.Keys = []string{key}
	}
	s.tries, s.doubt, s.primary = 0, false, ""
	s.try()
}

// swap compares and sets a key that nobody writes in another way, or reads it.
func (s *script) swap(key string) {
	s.op.Key = key
	if s.rng.IntN(2) == 0 {
		s.req.Keys = []string{key}
		return
	}
	s.op.Kind, s.op.Expect, s.op.Value = check.Swap, s.seen[key], fmt.Sprintf("%d.%d", s.number, s.seq)
	op := wire.Op{Key: key, Value: []byte(s.op.Value), If: wire.IfValue, Expect: []byte(s.op.Expect)}
	if s.op.Expect == check.Missing {
		op.If, op.Expect = wire.IfMissing, nil
	}
	s.req.Kind, s.req.Ops = wire.Write, []wire.Op{op}
}

func (s *script) try() {
	s.tries++
	req := *s.req
	req.Retry = s.tries > 1
	at := s.m.Lookup(s.op.Key)
	req.Shard, req.Epoch = at.ID, at.Epoch
	to := s.primary
	if to == "" {
		to = at.Primary
	}
	s.k.Do(to, &req, time.Duration(200+s.rng.IntN(1500))*time.Millisecond, s.answered)
}

func (s *script) answered(a *wire.Response) {
	if a != nil && a.Primary != "" {
		s.primary = a.Primary
	}
	switch {
	case a != nil && (a.Status == wire.OK):
		s.finish(check.Done, a)
		return
	case a != nil && a.Status == wire.ConditionFailed:
		s.finish(check.Refused, a)
		return
	case a == nil || a.Status == wire.Unknown:
		s.doubt = true
	}
	switch {
	case a == nil, a.Status == wire.NotPrimary && s.rng.IntN(3) == 0: // ask somebody else
		s.primary = s.r.anyFor(s.rng)
		s.m = s.r.m
	case a.Status == wire.WrongShard:
		s.m, s.primary = s.r.m, ""
	}
	if s.tries < 2+s.rng.IntN(6) {
		s.r.e.After(time.Duration(s.rng.Int64N(int64(100*time.Millisecond))), "kv.retry", s.try)
		return
	}
	if s.doubt {
		s.finish(check.Unknown, nil)
	} else {
		s.finish(check.Refused, nil)
	}
}

func (s *script) finish(o check.Outcome, a *wire.Response) {
	s.op.Outcome, s.op.End = o, int64(s.r.e.Now())
	if strings.HasSuffix(s.op.Key, ".swap") {
		s.finishSwap(a)
		return
	}
	switch {
	case o == check.Unknown && s.op.Kind == check.Write:
		s.r.res.UnknownWrites++
	case o == check.Done && s.op.Kind == check.Write:
		s.r.res.Acknowledged++
	case o == check.Done:
		for _, i := range a.Items {
			s.op.Value = string(i.Value)
		}
	}
	s.r.history = append(s.r.history, s.op)
	s.think()
}

// finishSwap notes the outcome of an operation on a key that is compared and set. One that
// failed without its condition having been looked at says nothing.
func (s *script) finishSwap(a *wire.Response) {
	switch {
	case s.op.Kind == check.Read && s.op.Outcome == check.Done:
		for _, i := range a.Items {
			s.op.Value = string(i.Value)
		}
		s.seen[s.op.Key] = s.op.Value
	case s.op.Outcome == check.Done:
		s.seen[s.op.Key] = s.op.Value
	case a == nil:
		s.op.Outcome = check.Unknown
	}
	s.r.swaps = append(s.r.swaps, s.op)
	s.think()
}

func (s *script) think() {
	s.r.e.After(time.Duration(s.rng.Int64N(int64(60*time.Millisecond))), "kv.think", s.next)
}
