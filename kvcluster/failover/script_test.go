package failover_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// TestScripts tells as stories what the manager decides: a comment that says what must come out, a
// command, the commands that it gives to the metadata group, with the time since. After a change
// that is meant, -args -rewrite writes them anew.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				var nodes int
				d.ScanArgs(t, "nodes", &nodes)
				w = newWorld(t, nodes, list(d, "zones")...)
				return w.status()
			}
			return w.command(t, d)
		})
	})
}

// list are the values of an argument; nil without it.
func list(d *datadriven.TestData, key string) []string {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			return a.Vals
		}
	}
	return nil
}

// command carries out one of:
//
//	kill NODE, revive NODE   it beats no more, or again
//	stuck NODE, free NODE    a primary there reaches none of its copies, or does again
//	behind NODE by=N         its copies lack entries that others have
//	drain NODE, leave NODE   what an operator says
//	run for=D                time passes
//	status                   nodes and the shard
func (w *world) command(t *testing.T, d *datadriven.TestData) string {
	node := func() shardmap.NodeID { return shardmap.NodeID(d.CmdArgs[0].Key) }
	switch d.Cmd {
	case "kill":
		w.dead[node()] = true
	case "revive":
		delete(w.dead, node())
	case "stuck":
		w.stuck[node()] = true
	case "free":
		delete(w.stuck, node())
	case "behind":
		var by uint64
		d.ScanArgs(t, "by", &by)
		w.lag[node()] = by
	case "drain":
		w.apply(wire.Command{Kind: wire.SetNodeState, Node: node(), State: wire.Draining})
	case "leave":
		w.apply(wire.Command{Kind: wire.SetNodeState, Node: node(), State: wire.Leaving})
	case "run":
		var length string
		d.ScanArgs(t, "for", &length)
		span, err := time.ParseDuration(length)
		require.NoError(t, err)
		return w.told(span)
	case "status":
		return w.status()
	default:
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	return ""
}

// told lets time pass and tells what the manager gives, and when.
func (w *world) told(span time.Duration) string {
	var out strings.Builder
	for begun := w.now; w.now-begun < span; {
		seen := len(w.given)
		w.run(250 * time.Millisecond)
		for _, c := range w.given[seen:] {
			fmt.Fprintf(&out, "%-7s %s\n", w.now-begun, describe(&c))
		}
	}
	return out.String()
}

// describe is a command in words.
func describe(c *wire.Command) string {
	text := c.Kind.String()
	for _, part := range []struct {
		is   bool
		text string
	}{
		{c.Shard != "", string(c.Shard)}, {c.Node != "", string(c.Node)}, {c.To != "", "to " + string(c.To)}, {len(c.Nodes) > 0, fmt.Sprint(c.Nodes)},
		{c.Kind == wire.SetNodeState, c.State.String()}, {c.IfEpoch > 0, fmt.Sprintf("if still in epoch %d", c.IfEpoch)}, {c.Epoch > 0, fmt.Sprintf("epoch %d", c.Epoch)},
	} {
		if part.is {
			text += " " + part.text
		}
	}
	if f := c.Failover; f != nil {
		text += fmt.Sprintf(" of %s from %s to %s: %s", f.Shard, f.From, f.To, f.Why)
	}
	return text
}

func (w *world) status() string {
	var out strings.Builder
	for i := range w.s.Members() {
		m := &w.s.Members()[i]
		fmt.Fprintf(&out, "%s %s", m.ID, m.State)
		if m.Zone != "" {
			fmt.Fprintf(&out, " in %s", m.Zone)
		}
		if m.Down {
			out.WriteString(", given up")
		}
		out.WriteByte('\n')
	}
	s := w.shard()
	fmt.Fprintf(&out, "%s: epoch %d, primary %s, copies on %v\n", s.ID, s.Epoch, s.Primary, s.Replicas)
	return out.String()
}
