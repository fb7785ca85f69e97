package meta_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// TestScripts tells as stories how the members of the metadata group agree: a comment that says
// what must come out, a command, the messages with the time since. A message takes a
// millisecond, a sync two. After a change that is meant, -args -rewrite writes them anew.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var r *ring
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "group" {
				var members int
				d.ScanArgs(t, "members", &members)
				r = newRing(t, members)
				r.grow()
				return r.status()
			}
			return r.command(t, d)
		})
	})
}

// command carries out one of:
//
//	split KEY at=NODE        somebody wants the first shard split, and asks this member
//	read at=NODE             asks for a moment at which this member's state is the present one
//	cut NODE, heal NODE      no message reaches or leaves it, or all do again
//	crash NODE, open NODE    its process ends without a sync, or is started again
//	run for=D                time passes; beats that carry nothing are left out
//	status                   how the members are
func (r *ring) command(t *testing.T, d *datadriven.TestData) string {
	seat := func(name string) *seat {
		for _, s := range r.members {
			if string(s.id) == name {
				return s
			}
		}
		d.Fatalf(t, "no member %s", name)
		return nil
	}
	first := func() string { return d.CmdArgs[0].Key }
	var at string
	d.MaybeScanArgs(t, "at", &at)
	switch d.Cmd {
	case "split":
		return r.told(func(id uint64) {
			r.step(seat(at), meta.Propose{ID: id, Commands: []wire.Command{{Kind: wire.SplitShard, Shard: "s1", Start: first()}}})
		}, 0)
	case "read":
		return r.told(func(id uint64) { r.step(seat(at), meta.Read{ID: id}) }, 0)
	case "cut":
		r.deaf[shardmap.NodeID(first())] = true
	case "heal":
		delete(r.deaf, shardmap.NodeID(first()))
	case "crash":
		r.crash(seat(first()))
	case "open":
		r.open(seat(first()), false)
	case "run":
		var length string
		d.ScanArgs(t, "for", &length)
		span, err := time.ParseDuration(length)
		require.NoError(t, err)
		return r.told(nil, span)
	case "status":
		return r.status()
	default:
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	return ""
}

// told lets f happen, or time pass, and tells of the messages until there is an answer, or the
// time is over.
func (r *ring) told(f func(id uint64), span time.Duration) string {
	var out strings.Builder
	begun := r.now
	r.sent = func(from shardmap.NodeID, m *wire.Raft) {
		if text := said(r.t, m); text != "" {
			fmt.Fprintf(&out, "%-7s %s -> %s  %s\n", r.now-begun, from, m.To, text)
		}
	}
	defer func() { r.sent = nil }()
	if f == nil {
		r.pass(span)
		return out.String()
	}
	r.asked++
	id := 5000 + r.asked
	f(id)
	x := r.await(id)
	switch {
	case x.Err != nil:
		fmt.Fprintf(&out, "%-7s %v\n", r.now-begun, x.Err)
	default:
		fmt.Fprintf(&out, "%-7s done\n", r.now-begun)
		for i, err := range x.Errs {
			if err != nil {
				fmt.Fprintf(&out, "refused: %v\n", x.Errs[i])
			}
		}
	}
	return out.String()
}

// said is a message in words; "" for a beat and its answer that carry nothing.
func said(t *testing.T, w *wire.Raft) string {
	var m raftpb.Message
	require.NoError(t, proto.Unmarshal(w.Data, &m))
	kind := strings.TrimPrefix(m.GetType().String(), "Msg")
	switch m.GetType() {
	case raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp:
		if len(m.GetContext()) == 0 {
			return ""
		}
		return kind + " for a read"
	case raftpb.MsgApp:
		return fmt.Sprintf("%s term %d, %d entries behind %d, commit %d", kind, m.GetTerm(), len(m.GetEntries()), m.GetIndex(), m.GetCommit())
	case raftpb.MsgAppResp:
		return fmt.Sprintf("%s term %d, has up to %d", kind, m.GetTerm(), m.GetIndex())
	}
	text := kind
	if m.GetTerm() > 0 { // what is passed on to the leader has none
		text += fmt.Sprintf(" term %d", m.GetTerm())
	}
	if m.GetReject() {
		text += ", no"
	}
	return text
}

// status is how the members are.
func (r *ring) status() string {
	var out strings.Builder
	for _, s := range r.members {
		if s.g == nil {
			fmt.Fprintf(&out, "%s: down\n", s.id)
			continue
		}
		role := "follows " + string(s.g.Leader())
		switch {
		case s.g.Leading():
			role = "leads"
		case s.g.Leader() == "":
			role = "knows no leader"
		}
		fmt.Fprintf(&out, "%s: %s, term %d, revision %d, %d shards\n", s.id, role, s.g.Term(), s.g.State().Revision(), s.g.State().Map().Len())
	}
	return out.String()
}
