package backend

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// TestStories tells what a cluster does as stories: a comment that says what must come out, a
// command, what was seen. After a change that is meant, -args -rewrite writes them anew.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		s := &story{t: t}
		datadriven.RunTest(t, path, s.command)
	})
}

// story is a cluster, and what of it is told.
type story struct {
	t      *testing.T
	w      *world
	begun  time.Duration       // of the command
	copies map[string][]string // by shard, as last told
	stages map[string]string   // of recoveries, as last told
	health string
	lines  []string
	hops   bool // messages are told as well
}

// command carries out one of:
//
//	cluster nodes=N [KEY=VALUE …]         forms a cluster; the rest are cluster settings
//	index NAME shards=N replicas=N [size=S] [on=(1,1,0)] [KEY=VALUE …]
//	set KEY=VALUE …, set-index NAME KEY=VALUE …   changes settings; "" takes one away
//	kill, stop, start NODE
//	cut A B, mend A B                     resets the connections between two nodes
//	load NAME writes=N                    from now on N documents a second are written
//	write ID at=NODE                      a client writes a document, every message is told
//	wait for=D | stage=STAGE | green | gone=N   lets time pass; gone: until N nodes are left
//	copies                                where every copy is
//
// What is seen while a command runs is told with the time since it began.
func (s *story) command(t *testing.T, d *datadriven.TestData) string {
	if s.w != nil {
		s.begun = time.Duration(s.w.e.Now())
	}
	s.lines, s.hops = nil, false
	word := func(i int) string { return d.CmdArgs[i].Key }
	switch d.Cmd {
	case "cluster":
		s.form(d)
	case "index":
		s.index(d)
	case "set":
		s.w.settings(pairs(d.CmdArgs)...)
	case "set-index":
		changes := map[string]*string{}
		list := pairs(d.CmdArgs[1:])
		for i := 0; i < len(list); i += 2 {
			changes[list[i]] = nil
			if list[i+1] != "" {
				changes[list[i]] = &list[i+1]
			}
		}
		s.w.do(updateIndex(s.w, word(0), changes))
	case "kill":
		require.NoError(t, s.w.c.Kill(word(0)))
	case "stop":
		require.NoError(t, s.w.c.Stop(word(0), nil))
	case "start":
		require.NoError(t, s.w.c.StartNode(word(0)))
	case "cut":
		s.w.c.Network().Cut(word(0), word(1), sim.Reset)
		s.w.c.Network().Cut(word(1), word(0), sim.Reset)
	case "mend":
		s.w.c.Network().Mend(word(0), word(1))
		s.w.c.Network().Mend(word(1), word(0))
	case "load":
		var rate int
		d.ScanArgs(t, "writes", &rate)
		s.w.c.SetLoad([]elastic.Load{{Index: word(0), WritesPerSec: float64(rate), DocBytes: 100}})
	case "write":
		s.write(d)
	case "wait":
		s.wait(d)
	case "copies":
		return s.where()
	default:
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	if len(s.lines) == 0 {
		return "ok"
	}
	return strings.Join(s.lines, "\n")
}

// pairs are arguments as keys and values in turn.
func pairs(args []datadriven.CmdArg) (out []string) {
	for _, a := range args {
		out = append(out, a.Key, strings.Join(a.Vals, ","))
	}
	return out
}

func (s *story) form(d *datadriven.TestData) {
	var nodes int
	d.ScanArgs(s.t, "nodes", &nodes)
	var wishes []wish
	list := pairs(d.CmdArgs[1:])
	for i := 0; i < len(list); i += 2 {
		wishes = append(wishes, with(list[i], list[i+1]))
	}
	s.w = newWorld(s.t, nodes, wishes...)
	s.copies, s.stages = map[string][]string{}, map[string]string{}
	s.begun = time.Duration(s.w.e.Now())
	Observe(s.w.c, s.see)
	s.w.e.OnEvent(func(r sim.EventRecord) {
		if s.hops && r.Type == "net.deliver" {
			s.tell("%s", strings.ReplaceAll(r.Entity, ">", " -> "))
		}
	})
}

func (s *story) index(d *datadriven.TestData) {
	spec := inplace.IndexSpec{Name: d.CmdArgs[0].Key, Docs: 1000}
	more := map[string]string{}
	for _, a := range d.CmdArgs[1:] {
		value := strings.Join(a.Vals, ",")
		number, _ := strconv.Atoi(value)
		switch a.Key {
		case "shards":
			spec.Shards = number
		case "replicas":
			spec.Replicas = number
		case "docs":
			spec.Docs = int64(number)
		case "size":
			size, err := units.ParseSize(value)
			require.NoError(s.t, err)
			spec.Bytes = int64(size)
		case "on":
			for _, v := range a.Vals {
				n, err := strconv.Atoi(v)
				require.NoError(s.t, err)
				spec.Placement = append(spec.Placement, n)
			}
		default:
			more[a.Key] = value
		}
	}
	spec.Settings = settings.Of(more)
	s.w.load(spec)
}

// write has a client write a document and tells every message until it is answered.
func (s *story) write(d *datadriven.TestData) {
	var at string
	d.ScanArgs(s.t, "at", &at)
	s.w.do(func(ctx context.Context) {
		s.hops = true
		r := put(ctx, s.w.c.Node(at), item(d.CmdArgs[0].Key, `{}`), elastic.BulkOptions{Timeout: 5 * time.Second})
		s.hops = false
		if r.Err != nil {
			s.tell("answer: %d %s", r.Status, r.Err.Reason)
			return
		}
		s.tell("answer: %d %s, seq_no %d of term %d, on %d of %d copies", r.Status, r.Result, r.SeqNo, r.PrimaryTerm, r.Shards.Successful, r.Shards.Total)
	})
}

func (s *story) wait(d *datadriven.TestData) {
	a := d.CmdArgs[0]
	value := strings.Join(a.Vals, ",")
	switch a.Key {
	case "for":
		length, err := time.ParseDuration(value)
		require.NoError(s.t, err)
		s.w.run(length)
	case "stage":
		s.w.until(10*time.Minute, "a recovery in stage "+value, func() bool {
			for _, n := range s.w.c.Nodes() {
				for _, r := range figures.LocalRecoveries(n) {
					if fmt.Sprint(r.Stage) == value {
						return true
					}
				}
			}
			return false
		})
	case "green":
		s.w.until(10*time.Minute, "green and nothing moves", s.w.balanced)
	case "gone":
		left, err := strconv.Atoi(value)
		require.NoError(s.t, err)
		s.w.until(10*time.Minute, "nodes have left", func() bool { return s.w.c.Leader() != nil && len(s.w.st().Nodes) == left })
	default:
		d.Fatalf(s.t, "no such wait: %s", a.Key)
	}
}

func (s *story) tell(format string, args ...any) {
	since := time.Duration(s.w.e.Now()) - s.begun
	s.lines = append(s.lines, fmt.Sprintf("%-9s %s", since.Round(100*time.Microsecond), fmt.Sprintf(format, args...)))
}

// see tells of what has changed: members, copies, the stages of recoveries, health.
func (s *story) see(o observed.Observation) {
	switch x := o.Sight.(type) {
	case observed.Members:
		s.tell("members: %v, master %s", x.Nodes, x.Master)
	case observed.Copies:
		now := map[string][]string{}
		for _, c := range x {
			shard := fmt.Sprintf("%s[%d]", c.Index, c.Shard)
			now[shard] = append(now[shard], describeCopy(c))
		}
		for _, shard := range slices.Sorted(maps.Keys(now)) {
			for _, text := range now[shard] {
				if !slices.Contains(s.copies[shard], text) {
					s.tell("%s %s", shard, text)
				}
			}
		}
		maps.Copy(s.copies, now)
	case observed.Recovery:
		text := x.Stage
		if x.Stop > 0 {
			text = fmt.Sprintf("done, %s copied, %d operations", units.FormatBytes(x.Bytes), x.Ops)
		}
		if x.Failed {
			text = "failed in stage " + x.Stage
		}
		if s.stages[x.ID] != text {
			s.stages[x.ID] = text
			s.tell("recovery of %s[%d] onto %s%s: %s", x.Index, x.Shard, x.To, source(x), text)
		}
	case observed.Health:
		if text := fmt.Sprint(x.Status, x.Unassigned); s.health != text {
			s.health = text
			s.tell("%s, %d unassigned", x.Status, x.Unassigned)
		}
	}
}

// source is where a recovery takes its data from, as far as it is known.
func source(r observed.Recovery) string {
	switch {
	case r.From != "":
		return " from " + r.From
	case r.Kind == "local":
		return " from its own disk"
	}
	return ""
}

// describeCopy is a copy in words.
func describeCopy(c observed.Copy) string {
	role := "replica"
	if c.Primary {
		role = "primary"
	}
	text := role + " " + strings.ToLower(c.State)
	if c.Node != "" {
		text += " on " + c.Node
	}
	if c.To != "" {
		text += ", goes to " + c.To
	}
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	if c.Delayed {
		text += ", waited for"
	}
	return text
}

// where tells on which node each copy is.
func (s *story) where() string {
	var out []string
	s.w.st().Routing.Each(func(c *state.Copy) {
		node := "nowhere"
		if n := s.w.c.ByID[c.Node]; n != nil {
			node = n.Name()
		}
		role := "replica"
		if c.Primary {
			role = "primary"
		}
		out = append(out, fmt.Sprintf("%s[%d] %s %s on %s", c.Index, c.Shard, role, c.State, node))
	})
	slices.Sort(out)
	return strings.Join(out, "\n")
}
