package replica_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// TestScripts tells the protocol as stories: a comment that says what must come out, a command,
// all messages that it causes. After a change that is meant, -args -rewrite writes them anew.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newTrio(t) // which has told them their configuration
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return w.command(t, d) })
	})
}

// command carries out one of:
//
//	configured                  all copies hear of epoch 1, with n1 as primary
//	promote NODE                the map names another primary, in the next epoch
//	write KEY=VALUE [at=NODE]   a client writes at QUORUM
//	transact STEP KEY=VALUE client=N  a step of a transaction, in the client's words
//	read KEY [at=NODE]          a client reads at QUORUM
//	cut NODE, heal              no message reaches a copy, or all do again
//	tick                        half a second passes
//	status                      how the copies are
func (w *trio) command(t *testing.T, d *datadriven.TestData) string {
	at := w.shard.Primary
	if d.HasArg("at") {
		var name string
		d.ScanArgs(t, "at", &name)
		at = shardmap.NodeID(name)
	}
	word := func(i int) string { return d.CmdArgs[i].String() }
	switch d.Cmd {
	case "configured":
	case "promote":
		w.shard.Primary, w.shard.Epoch = shardmap.NodeID(word(0)), w.shard.Epoch+1
		for _, n := range nodes {
			if n != w.deaf {
				w.step(n, replica.Configure{Shard: w.shard.Clone()})
			}
		}
	case "write":
		key, value, _ := strings.Cut(word(0), "=")
		w.seq++
		w.request(at, wire.Request{Client: 1, Seq: w.seq, Settled: w.seq, Kind: wire.Write, Ops: []wire.Op{{Key: key, Value: []byte(value)}}})
	case "read":
		w.request(at, wire.Request{Keys: []string{word(0)}})
	case "transact":
		w.transact(t, d, at)
	case "cut":
		w.deaf = shardmap.NodeID(word(0))
		return ""
	case "heal":
		w.deaf = ""
		return ""
	case "tick":
		w.now += 500 * time.Millisecond
		for _, n := range nodes {
			w.step(n, replica.Tick{})
		}
	case "status":
		return w.describe()
	default:
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	return w.story(t)
}

// request gives a request of a client to a copy.
func (w *trio) request(at shardmap.NodeID, r wire.Request) {
	w.answer, r.Shard, r.Level = nil, "s", wire.Quorum
	w.step(at, replica.Request{ID: w.seq + 1, R: &r})
}

// transact does a step of a transaction on the only key given, which is its anchor too.
func (w *trio) transact(t *testing.T, d *datadriven.TestData, at shardmap.NodeID) {
	steps := map[string]wire.TxnStep{"prepare": wire.Prepare, "inquire": wire.Inquire, "abort": wire.Decide, "resolve": wire.Resolve}
	key, value, _ := strings.Cut(d.CmdArgs[1].String(), "=")
	var client uint64
	d.ScanArgs(t, "client", &client)
	x := wire.Txn{Step: steps[d.CmdArgs[0].String()], ID: wire.TxnID{Client: 7, Seq: 1}, Anchor: key}
	w.seq++
	r := wire.Request{Client: client, Seq: w.seq, Settled: w.seq, Kind: wire.Transact}
	switch x.Step {
	case wire.Decide, wire.Resolve:
		x.Keys = []string{key}
	}
	r.Txn = x
	if x.Step == wire.Prepare {
		r.Ops = []wire.Op{{Key: key, Value: []byte(value)}}
	}
	w.request(at, r)
}

// story delivers all messages and tells of them.
func (w *trio) story(t *testing.T) string {
	var out strings.Builder
	before := len(w.log)
	for came := 0; len(w.mail) > 0; came++ {
		require.Less(t, came, 200, "they never stop talking")
		m := w.mail[0]
		w.mail = w.mail[1:]
		h := m.(interface{ Header() *wire.Copy }).Header()
		if h.To == w.deaf || h.From == w.deaf {
			fmt.Fprintf(&out, "%s -x %s  %s\n", h.From, h.To, tell(m))
			continue
		}
		fmt.Fprintf(&out, "%s -> %s  %s\n", h.From, h.To, tell(m))
		w.step(h.To, replica.Message{M: m})
	}
	for _, e := range w.log[before:] {
		fmt.Fprintln(&out, e)
	}
	if a := w.answer; a != nil {
		fmt.Fprintf(&out, "answer: %v%s", a.Status, a.Reason)
		for _, i := range a.Items {
			fmt.Fprintf(&out, " %s=%s", i.Key, i.Value)
		}
		if a.Txn.ID != (wire.TxnID{}) {
			fmt.Fprintf(&out, " (transaction %d.%d)", a.Txn.ID.Client, a.Txn.ID.Seq)
		}
		out.WriteByte('\n')
		w.answer = nil
	}
	return out.String()
}

// tell says what is in a message.
func tell(m wire.Message) string {
	switch m := m.(type) {
	case *wire.Fence:
		return fmt.Sprintf("fence, epoch %d", m.Epoch)
	case *wire.FenceAck:
		return fmt.Sprintf("promises %d, log ends at %d of epoch %d", m.Promised, m.LastIndex, m.LastEpoch)
	case *wire.AppendEntries:
		return fmt.Sprintf("append %d behind %d of epoch %d, commit %d", len(m.Entries), m.PrevIndex, m.PrevEpoch, m.Commit)
	case *wire.Ack:
		return fmt.Sprintf("has up to %d", m.Match)
	case *wire.Fetch:
		return fmt.Sprintf("wants what follows %d", m.After)
	case *wire.Page:
		return fmt.Sprintf("page of %d behind %d, commit %d", len(m.Entries), m.PrevIndex, m.Commit)
	}
	return wire.KindOf(m).String()
}

// describe is how the copies are.
func (w *trio) describe() string {
	var out strings.Builder
	for _, n := range nodes {
		s := w.cores[n].Status()
		fmt.Fprintf(&out, "%s: %v, promised %d, log ends at %d of epoch %d, applied %d\n", n, s.Role, s.Promised, s.LastIndex, s.LastEpoch, w.cores[n].Applied())
	}
	return out.String()
}
