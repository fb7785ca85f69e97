package rehearse

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim/kv"
)

// wholeScript is a client of a whole cluster that reads and writes, one operation at a
// time, at levels QUORUM and ALL, and keeps a map that may be old.
type wholeScript struct {
	w       *wholeNodes
	k       *kv.Caller
	rng     *rand.Rand
	number  int
	seq     uint64
	m       *shardmap.Map
	stopped bool

	req   *wire.Request
	key   string
	op    check.Op
	tries int
	doubt bool // an attempt of this operation may have had its effect
}

func newWholeScript(w *wholeNodes, i int) *wholeScript {
	name := fmt.Sprint("client", i)
	return &wholeScript{w: w, k: w.f.NewCaller(name), rng: w.e.Stream("kv.client", name), number: i}
}

// next begins an operation.
func (s *wholeScript) next() {
	if s.stopped {
		return
	}
	s.seq++
	s.key = s.w.key(s.rng.IntN(s.w.Keys))
	s.op = check.Op{Client: s.number, Key: s.key, Start: int64(s.w.e.Now())}
	s.req = &wire.Request{Client: uint64(s.number) + 1, Seq: s.seq, Settled: s.seq, Level: wire.Quorum}
	if s.rng.IntN(10) == 0 {
		s.req.Level = wire.All
	}
	oneIn := 2
	if s.number%2 == 1 {
		oneIn = 40 // a reader stays long at a primary that is cut off
	}
	if s.rng.IntN(oneIn) == 0 {
		s.op.Kind, s.op.Value = check.Write, fmt.Sprintf("%d.%d", s.number, s.seq)
		s.req.Kind, s.req.Ops = wire.Write, []wire.Op{{Key: s.key, Value: []byte(s.op.Value)}}
	} else {
		s.req.Keys = []string{s.key}
	}
	s.tries, s.doubt = 0, false
	s.try()
}

func (s *wholeScript) try() {
	if s.m == nil {
		s.refresh()
		return
	}
	s.tries++
	sh := s.m.Lookup(s.key)
	req := *s.req
	req.Retry, req.Shard, req.Epoch = s.tries > 1, sh.ID, sh.Epoch
	s.k.Ask(kvnode.Machine(sh.Primary), &req, time.Duration(200+s.rng.IntN(1500))*time.Millisecond, s.answered)
}

// refresh asks any machine for the map, and then tries again.
func (s *wholeScript) refresh() {
	to := s.w.f.Machines()[s.rng.IntN(len(s.w.f.Machines()))]
	s.k.Ask(to.Name(), &wire.Admin{Stale: true, Command: wire.Command{Kind: wire.GetState}}, 500*time.Millisecond, func(a wire.Message) {
		if r, ok := a.(*wire.AdminResult); ok && r.State != nil {
			m, err := shardmap.FromShards(r.State.MapVersion, r.State.Shards)
			if err != nil {
				s.w.problem("a client got a map that is none: %v", err)
			} else {
				s.m = m
			}
		}
		if s.stopped {
			return
		}
		s.again()
	})
}

func (s *wholeScript) again() {
	s.w.e.After(time.Duration(s.rng.Int64N(int64(200*time.Millisecond))), "kv.retry", s.try)
}

func (s *wholeScript) answered(m wire.Message) {
	a, _ := m.(*wire.Response)
	switch {
	case a != nil && a.Status == wire.OK:
		s.finish(check.Done, a)
		return
	case a == nil || a.Status == wire.Unknown:
		s.doubt = true
	}
	if a == nil || a.Status != wire.Unavailable {
		s.m = nil // it may be old
	}
	if s.tries < 2+s.rng.IntN(6) {
		s.again()
		return
	}
	if s.doubt {
		s.finish(check.Unknown, nil)
	} else {
		s.finish(check.Refused, nil)
	}
}

func (s *wholeScript) finish(o check.Outcome, a *wire.Response) {
	s.op.Outcome, s.op.End = o, int64(s.w.e.Now())
	switch {
	case o == check.Unknown && s.op.Kind == check.Write:
		s.w.res.UnknownWrites++
	case o == check.Done && s.op.Kind == check.Write:
		s.w.res.Acknowledged++
	case o == check.Done:
		for _, i := range a.Items {
			s.op.Value = string(i.Value)
		}
	}
	s.w.history = append(s.w.history, s.op)
	s.w.e.After(time.Duration(s.rng.Int64N(int64(s.w.Settings.Heartbeat/4))), "kv.think", s.next)
}
