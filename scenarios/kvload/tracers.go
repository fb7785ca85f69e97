package kvload

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const (
	// tracerLimit bounds the write of a tracer with its repetitions: longer than a failover
	// takes with the default settings, so that the end of an outage shows.
	tracerLimit = 40 * time.Second
	// endLimit bounds the look at the end.
	endLimit = time.Minute
	// equalLimit is how long copies may take to become equal when nobody writes.
	equalLimit = 15 * time.Second
	// namedLost and namedCopies are how many are named in reports.
	namedLost, namedCopies = 10, 10
)

// trace writes tracers, each in a process of its own so that a slow one doesn't hold up
// the next, in the ranges in turn.
func (l *Load) trace(ctx context.Context, group clock.Group, index int, s *Stream) error {
	db, err := open(l.cfg.Cluster, s.Viewer, l.cfg.Nodes)
	if err != nil {
		return err
	}
	clk := l.cfg.Cluster.Clock(s.Viewer)
	every := time.Duration(float64(time.Second) / s.Tracers)
	group.Go(ctx, "kv.tracers", func(ctx context.Context) {
		if d := s.From - l.now(clk); d > 0 && clk.Sleep(ctx, d) != nil {
			return
		}
		for n := 0; clk.Sleep(ctx, every) == nil; n++ {
			in := n % l.cfg.Shards
			key := fmt.Sprintf("k%04d/t%d/%d", in*keySpace/l.cfg.Shards, index, n)
			t := Tracer{Key: key, Range: in, Level: s.WriteLevel}
			group.Go(ctx, "kv.tracer", func(ctx context.Context) { l.traceOne(ctx, clk, db, t) })
		}
	})
	return nil
}

func (l *Load) traceOne(ctx context.Context, clk clock.Clock, db *client.DB, t Tracer) {
	t.Start = l.now(clk)
	_, err := db.Put(ctx, t.Key, []byte(t.Key), client.At(t.Level), client.Within(tracerLimit))
	t.End, t.Outcome, t.Cause = l.now(clk), outcome(err), causeOf(ctx, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	t.InFault = t.Outcome == check.Done && l.cfg.InFault()
	l.count(true, t.Outcome, t.End-t.Start)
	l.history.Tracers = append(l.history.Tracers, t)
}

// End looks at the cluster when all is over: whether every acknowledged tracer is there,
// whether the copies are equal, what the cluster remembers of failovers. It returns ctx's
// error only; what could not be seen is missing in the history.
func (l *Load) End(ctx context.Context, viewer string) error {
	clk := l.cfg.Cluster.Clock(viewer)
	limited, cancel := clk.WithTimeout(ctx, endLimit)
	defer cancel()
	db, err := open(l.cfg.Cluster, viewer, l.cfg.Nodes)
	if err != nil {
		return err
	}
	l.find(limited, db)
	a := NewAdmin(l.cfg.Cluster, viewer, l.cfg.Nodes)
	if r, err := a.State(limited); err == nil {
		l.history.Failovers, l.history.Settings = r.State.History, r.State.Settings
	}
	l.history.Copies = compare(limited, clk, a)
	l.history.Ended = limited.Err() == nil
	return ctx.Err()
}

// find reads all acknowledged tracers, and the items that were there at t=0.
func (l *Load) find(ctx context.Context, db *client.DB) {
	var tracers, items []string
	for _, t := range l.history.Tracers {
		if t.Outcome == check.Done {
			tracers = append(tracers, t.Key)
		}
	}
	for i := range l.cfg.Items {
		items = append(items, keyOf("item", i, l.cfg.Items))
	}
	l.history.Checked = l.look(ctx, db, tracers, func(k string, r client.Result) bool { return string(r.Value) == k })
	l.history.Items = l.look(ctx, db, items, func(_ string, r client.Result) bool { return r.Found })
}

// look reads keys and notes those as lost that aren't as they should be. It returns how
// many it has read.
func (l *Load) look(ctx context.Context, db *client.DB, keys []string, good func(string, client.Result) bool) (read int) {
	for len(keys) > 0 && ctx.Err() == nil {
		n := min(len(keys), 64)
		got, err := db.GetMany(ctx, keys[:n], client.At(wire.Quorum))
		if err != nil {
			continue // it has waited long enough
		}
		for _, k := range keys[:n] {
			read++
			if !good(k, got[k]) {
				l.history.Lost = append(l.history.Lost, k)
			}
		}
		keys = keys[n:]
	}
	return read
}

// compare reads every copy as it is, until all copies of each shard are equal or time is
// up.
func compare(ctx context.Context, clk clock.Clock, a *Admin) Comparison {
	deadline := clk.Monotonic() + equalLimit
	for {
		c := compareOnce(ctx, a)
		if len(c.Silent)+len(c.Differing) == 0 && c.Shards > 0 || clk.Monotonic() > deadline || clk.Sleep(ctx, 500*time.Millisecond) != nil {
			return c
		}
	}
}

func compareOnce(ctx context.Context, a *Admin) Comparison {
	var c Comparison
	r, err := a.State(ctx)
	if err != nil {
		return c
	}
	for i := range r.State.Shards {
		sh := &r.State.Shards[i]
		c.Shards++
		var first []wire.Item
		for j, n := range sh.Replicas {
			items, err := scan(ctx, a, n, sh)
			if err != nil {
				c.Silent = append(c.Silent, fmt.Sprintf("%s on %s: %v", sh.ID, n, err))
				continue
			}
			c.Copies++
			c.Items += len(items)
			if j == 0 {
				first = items
			} else if what := differ(first, items); what != "" && len(c.Differing) < namedCopies {
				c.Differing = append(c.Differing, fmt.Sprintf("%s on %s and on %s: %s", sh.ID, sh.Replicas[0], n, what))
			}
		}
	}
	return c
}

// scan reads one copy, as it is.
func scan(ctx context.Context, a *Admin, at shardmap.NodeID, sh *shardmap.Shard) ([]wire.Item, error) {
	var items []wire.Item
	start := sh.Start
	for {
		clk := a.cluster.Clock(a.viewer)
		limited, cancel := clk.WithTimeout(ctx, askLimit)
		m, err := a.Send(limited, at, &wire.Request{Shard: sh.ID, Epoch: sh.Epoch, Kind: wire.Scan, Level: wire.One, Start: start, End: sh.End})
		cancel()
		if err != nil {
			return nil, err
		}
		r, ok := m.(*wire.Response)
		if !ok || r.Status != wire.OK {
			return nil, fmt.Errorf("it answers %+v", m)
		}
		items = append(items, r.Items...)
		if !r.More || len(r.Items) == 0 {
			return items, nil
		}
		start = r.Items[len(r.Items)-1].Key + "\x00"
	}
}

// differ says how two copies differ, "" when they don't.
func differ(a, b []wire.Item) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("only the second has %q", b[i].Key)
		case i >= len(b):
			return fmt.Sprintf("only the first has %q", a[i].Key)
		case a[i].Key != b[i].Key:
			return fmt.Sprintf("%q in place of %q", b[i].Key, a[i].Key)
		case a[i].Version != b[i].Version || !bytes.Equal(a[i].Value, b[i].Value):
			return fmt.Sprintf("%q is %q of version %d and %q of version %d", a[i].Key, a[i].Value, a[i].Version, b[i].Value, b[i].Version)
		}
	}
	return ""
}
