package coordination

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// describe is a message in words.
func describe(m *Message) string {
	s := m.Kind()
	switch b := m.body.(type) {
	case *preVoteBody:
		s += fmt.Sprintf(" term=%d", b.term)
	case *preVoteAnswer:
		s += fmt.Sprintf(" term=%d accepted=%d/%d", b.term, b.acceptedTerm, b.acceptedVersion)
	case *startJoinBody:
		s += fmt.Sprintf(" candidate=%s term=%d", b.candidate.Name, b.term)
	case *joinBody:
		s += fmt.Sprintf(" term=%d vote=%t", b.term, b.vote != nil)
	case *publishBody:
		s += fmt.Sprintf(" %d/%d difference=%t", b.st.Term, b.st.Version, b.base != "")
	case *publishAnswer:
		s += fmt.Sprintf(" %d/%d vote=%t", b.term, b.version, b.vote != nil)
	case *commitBody:
		s += fmt.Sprintf(" %d/%d", b.term, b.version)
	case *peersAnswer:
		if b.master != nil {
			s += " master=" + b.master.Name
		}
	case *checkBody:
		if m.kind == followerCheck {
			s += fmt.Sprintf(" term=%d", b.term)
		}
	}
	if m.err != nil {
		s += " refused: " + m.err.Error()
	}
	return s
}

// TestScripts plays testdata/*.txt: what nodes say to one another, readable.
// Rewrite the expected output with -rewrite.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" {
				w = scripted(t, d)
				return "ok"
			}
			return w.command(t, d)
		})
	})
}

// scripted makes the world of "cluster nodes=N seed=S [fast]"; nothing is started.
func scripted(t *testing.T, d *datadriven.TestData) *world {
	var nodes int
	var seed uint64
	d.ScanArgs(t, "nodes", &nodes)
	d.ScanArgs(t, "seed", &seed)
	var opts []option
	if d.HasArg("fast") {
		opts = fastDetection
	}
	w := newWorld(seed, nodes, true, opts...)
	for _, h := range w.hosts {
		name, last := h.cfg.Node.ID, ""
		h.cfg.Hooks.ModeChanged = func(mode Mode, term int64, leader string) {
			if s := fmt.Sprintf("%s is %v in term %d", name, mode, term); s != last && w.trace != nil {
				last = s
				w.trace(s)
			}
		}
		h.cfg.Hooks.Log = func(format string, args ...any) {
			if w.trace != nil {
				w.trace(fmt.Sprintf("%s logs: %s", name, fmt.Sprintf(format, args...)))
			}
		}
	}
	return w
}

// command runs one of: start; run for=D [only=(words, _ for a blank)] [quiet], which prints what
// happens with its time since the command; kill, pause, resume node=N; isolate node=N
// how=(blackhole|reset); heal node=N; submit node=N source=S; state.
func (w *world) command(t *testing.T, d *datadriven.TestData) string {
	var node string
	d.MaybeScanArgs(t, "node", &node)
	h := w.by[node]
	switch d.Cmd {
	case "start":
		return w.traced(d, w.start)
	case "run":
		var length string
		d.ScanArgs(t, "for", &length)
		span, err := time.ParseDuration(length)
		require.NoError(t, err)
		return w.traced(d, func() { w.run(t, span) })
	case "kill":
		return w.traced(d, h.kill)
	case "pause":
		return w.traced(d, h.pause)
	case "resume":
		return w.traced(d, h.resume)
	case "isolate":
		how := map[string]func(a, z string){"blackhole": w.blackholeBoth, "reset": w.reset}
		var name string
		d.ScanArgs(t, "how", &name)
		return w.traced(d, func() { w.isolate(node, how[name]) })
	case "heal":
		return w.traced(d, func() { w.isolate(node, w.heal) })
	case "submit":
		var source string
		d.ScanArgs(t, "source", &source)
		task := touch(source, func(err error) { w.trace("failed: " + err.Error()) })
		task.Published = func(_, st *state.State) { w.trace(fmt.Sprintf("published as version %d", st.Version)) }
		return w.traced(d, func() { h.c.Submit(task) })
	case "state":
		var out strings.Builder
		for _, h := range w.hosts {
			if h.up {
				st := h.c.Accepted()
				fmt.Fprintf(&out, "%s %v term=%d accepted=%d/%d voting=%v applied=%d master=%s\n", h.cfg.Node.ID, h.c.Mode(),
					h.c.Term(), st.Term, st.Version, st.LastCommitted, h.applied.Version, h.applied.Master)
			}
		}
		return out.String()
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return ""
}

// traced returns what happens while f runs, a line each.
func (w *world) traced(d *datadriven.TestData, f func()) string {
	var only []string
	for _, a := range d.CmdArgs {
		if a.Key == "only" {
			only = a.Vals
		}
	}
	var out strings.Builder
	from := w.e.Now()
	w.trace = func(line string) {
		keep := len(only) == 0
		for _, word := range only {
			keep = keep || strings.Contains(line, strings.ReplaceAll(word, "_", " "))
		}
		if keep && !d.HasArg("quiet") {
			fmt.Fprintf(&out, "%-9v %s\n", w.e.Now().Sub(from), line)
		}
	}
	f()
	w.trace = nil
	if out.Len() == 0 {
		return "ok"
	}
	return out.String()
}
