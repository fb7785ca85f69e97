package kv

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// script is a client that reads and writes, one operation at a time, at levels QUORUM
// and ALL.
type script struct {
	r       *rehearsal
	k       *Client
	rng     *rand.Rand
	number  int
	seq     uint64
	m       *shardmap.Map   // as far as it knows
	primary shardmap.NodeID // if not the map's
	stopped bool

	req   *wire.Request
	op    check.Op
	tries int
	doubt bool // an attempt of this operation may have had its effect
}

func newScript(r *rehearsal, i int) *script {
	name := fmt.Sprint("client", i)
	return &script{r: r, k: r.c.NewClient(name), rng: r.e.Stream("kv.client", name), number: i, m: r.m}
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
	if s.rng.IntN(10) == 0 {
		s.req.Level = wire.All
	}
	// Every other client hardly writes: readers stay long at a primary that is cut off,
	// where writers soon learn that something is wrong.
	oneIn := 2
	if s.number%2 == 1 {
		oneIn = 40
	}
	if s.rng.IntN(oneIn) == 0 {
		s.op.Kind, s.op.Value = check.Write, fmt.Sprintf("%d.%d", s.number, s.seq)
		s.req.Kind, s.req.Ops = wire.Write, []wire.Op{{Key: key, Value: []byte(s.op.Value)}}
	} else {
		s.req.Keys = []string{key}
	}
	s.tries, s.doubt, s.primary = 0, false, ""
	s.try()
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
	s.r.e.After(time.Duration(s.rng.Int64N(int64(60*time.Millisecond))), "kv.think", s.next)
}
