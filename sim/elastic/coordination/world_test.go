package coordination

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// world is a cluster on a small network of its own: links with a latency that may be
// cut in one direction, connections that are reset, processes that die and pause.
type world struct {
	e     *sim.Engine
	board *Board
	inv   *Invariants
	hosts []*host
	by    map[string]*host
	links map[[2]string]*testLink
	conns map[[2]string]int // by ordered pair: 0 closed, else its number
	conn  int
	log   []string
	hangs []hang
	// trace, if set, is told of messages as they leave and of states as they are applied.
	trace func(string)
	// applies, if set, is told of each node that has applied a state.
	applies func(*host)
}

// testLink is one direction between two hosts.
type testLink struct {
	latency time.Duration
	dark    bool // blackhole
	refused bool // reset
	epoch   int  // counts cuts: what is under way is lost
}

// hang is an attempt to connect that nothing answers.
type hang struct {
	a, z string
	fail func()
}

// host is a machine with a node on it; it is the node's Env.
type host struct {
	w       *world
	cfg     Config
	c       *Coordinator
	life    int
	up      bool
	paused  bool
	backlog []func()
	disk    Persisted
	full    bool // nothing more goes on the disk
	applied *state.State
	// applyTakes is how long the node applies a state; negative: for ever.
	applyTakes time.Duration
	noSeeds    bool
}

type option func(*world, *host)

func setting(key, value string) option {
	return func(_ *world, h *host) {
		h.cfg.Settings = h.cfg.Settings.Merged(settings.Of(map[string]string{key: value}))
	}
}

// busy gives everything a processor or a disk does the time that it takes on a loaded
// machine.
func busy(_ *world, h *host) {
	h.cfg.Costs = Costs{
		Update: func(tasks int, _ *state.State) time.Duration { return time.Duration(20+tasks) * time.Millisecond },
		Accept: func(*state.State) time.Duration { return 30 * time.Millisecond },
		Term:   12 * time.Millisecond, Failure: 15 * time.Millisecond,
	}
	h.applyTakes = 40 * time.Millisecond
}

// fastDetection are the settings of the recordings of that name.
var fastDetection = []option{
	setting("cluster.fault_detection.follower_check.timeout", "2s"),
	setting("cluster.fault_detection.leader_check.timeout", "2s"),
	setting("cluster.follower_lag.timeout", "10s"),
}

func newWorld(seed uint64, n int, lazy bool, opts ...option) *world {
	w := &world{
		e: sim.NewEngine(sim.Config{Seed: seed}), inv: NewInvariants(), by: map[string]*host{},
		links: map[[2]string]*testLink{}, conns: map[[2]string]int{},
	}
	if lazy {
		w.board = NewBoard()
	}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	for _, name := range names {
		w.add(name, names, opts...)
	}
	return w
}

func (w *world) add(name string, initial []string, opts ...option) *host {
	h := &host{w: w, cfg: Config{
		Node:        state.Node{ID: name, Name: name, Roles: []string{"data", "master"}},
		ClusterName: "test", InitialMasters: initial, Board: w.board, Invariants: w.inv,
	}}
	h.cfg.Hooks.Log = func(format string, args ...any) {
		w.log = append(w.log, fmt.Sprintf("%v %s %s", w.e.Now(), name, fmt.Sprintf(format, args...)))
	}
	for _, o := range opts {
		o(w, h)
	}
	w.hosts = append(w.hosts, h)
	w.by[name] = h
	return h
}

// start starts all nodes that are down.
func (w *world) start() {
	for _, h := range w.hosts {
		if !h.up {
			h.start()
		}
	}
}

func (h *host) start() {
	h.life++
	h.up, h.paused, h.backlog = true, false, nil
	cfg := h.cfg
	cfg.Node.EphemeralID = fmt.Sprintf("%s#%d", cfg.Node.ID, h.life)
	cfg.Persisted = h.disk
	h.c = New(cfg, h)
	h.c.Start()
}

// kill ends the process: its connections close, as far as the links carry it.
func (h *host) kill() {
	h.up = false
	h.c.Stop()
	for _, o := range h.w.hosts {
		if o != h {
			h.w.close(h.cfg.Node.ID, o.cfg.Node.ID)
		}
	}
}

func (h *host) pause() {
	h.paused = true
	h.w.board.maybeNode(h.cfg.Node.ID)
}

func (h *host) resume() {
	h.paused = false
	backlog := h.backlog
	h.backlog = nil
	for _, f := range backlog {
		h.run(f)
	}
	h.w.board.maybeNode(h.cfg.Node.ID)
}

func (b *Board) maybeNode(id string) {
	if b != nil {
		b.NodeChanged(id)
	}
}

func (b *Board) maybePath(a, z string) {
	if b != nil {
		b.PathChanged(a, z)
	}
}

// run runs f on the host's present process, once it is not paused.
func (h *host) run(f func()) {
	if h.paused {
		h.backlog = append(h.backlog, f)
		return
	}
	f()
}

func pair(a, z string) [2]string {
	if a > z {
		a, z = z, a
	}
	return [2]string{a, z}
}

func (w *world) link(from, to string) *testLink {
	l := w.links[[2]string{from, to}]
	if l == nil {
		l = &testLink{latency: 200 * time.Microsecond}
		w.links[[2]string{from, to}] = l
	}
	return l
}

// close closes the connection of two hosts.
func (w *world) close(a, z string) {
	if w.conns[pair(a, z)] == 0 {
		return
	}
	w.conns[pair(a, z)] = 0
	for _, ends := range [][2]string{{a, z}, {z, a}} {
		h := w.by[ends[0]]
		if l := w.link(ends[1], ends[0]); h.up && !l.dark {
			life := h.life
			h.run(func() {
				if h.up && h.life == life {
					h.c.Disconnected(ends[1])
				}
			})
		}
	}
}

// blackhole loses what from sends to to.
func (w *world) blackhole(from, to string) {
	l := w.link(from, to)
	l.dark = true
	l.epoch++
	w.board.maybePath(from, to)
}

// reset closes the connections of two hosts and lets none be opened.
func (w *world) reset(a, z string) {
	w.link(a, z).refused, w.link(z, a).refused = true, true
	w.close(a, z)
	w.board.maybePath(a, z)
}

// heal mends both directions; connections that a blackhole held are closed.
func (w *world) heal(a, z string) {
	there, back := w.link(a, z), w.link(z, a)
	dark := there.dark || back.dark
	there.dark, back.dark, there.refused, back.refused = false, false, false, false
	if dark {
		w.conns[pair(a, z)] = max(w.conns[pair(a, z)], 1) // closed on one side only, perhaps
		w.close(a, z)
		hangs := w.hangs
		w.hangs = nil
		for _, g := range hangs {
			if pair(g.a, g.z) == pair(a, z) {
				g.fail()
			} else {
				w.hangs = append(w.hangs, g)
			}
		}
	}
	w.board.maybePath(a, z)
}

// isolate blackholes or resets all links of a host.
func (w *world) isolate(name string, cut func(a, z string)) {
	for _, o := range w.hosts {
		if o.cfg.Node.ID != name {
			cut(name, o.cfg.Node.ID)
		}
	}
}

func (w *world) blackholeBoth(a, z string) {
	w.blackhole(a, z)
	w.blackhole(z, a)
}

// Env.

func (h *host) Now() sim.Time { return h.w.e.Now() }

func (h *host) After(d time.Duration, name string, f func()) sim.Timer {
	life := h.life
	return h.w.e.After(d, name, func() {
		if h.up && h.life == life {
			h.run(func() {
				if h.up && h.life == life {
					f()
				}
			})
		}
	})
}

func (h *host) Stream(purpose string) *rand.Rand { return h.w.e.Stream(purpose, h.cfg.Node.ID) }

var errNoSpace = errors.New("no space left on device")

func (h *host) Persist(p Persisted) error {
	if h.full {
		return errNoSpace
	}
	h.disk = p
	return nil
}

func (h *host) Seeds() []string {
	var out []string
	if h.noSeeds {
		return nil
	}
	for _, o := range h.w.hosts {
		if o.cfg.Node.HasRole("master") {
			out = append(out, o.cfg.Node.ID)
		}
	}
	return out
}

func (h *host) Apply(st *state.State, done func()) {
	apply := func() {
		h.applied = st
		if h.w.trace != nil {
			h.w.trace(fmt.Sprintf("%s applies version %d: master=%s nodes=%v", h.cfg.Node.ID, st.Version, st.Master, h.w.names(st)))
		}
		if h.w.applies != nil {
			h.w.applies(h)
		}
		done()
	}
	switch {
	case h.applyTakes > 0:
		h.After(h.applyTakes, "apply", apply)
	case h.applyTakes == 0:
		apply()
	}
}

func (h *host) Path(peer string) Path {
	o := h.w.by[peer]
	there, back := h.w.link(h.cfg.Node.ID, peer), h.w.link(peer, h.cfg.Node.ID)
	connected := h.w.conns[pair(h.cfg.Node.ID, peer)] != 0
	return Path{
		Steady:   connected && !there.dark && !back.dark && o.up && !o.paused && !h.paused,
		OutOpen:  connected && !there.dark,
		BackOpen: connected && !back.dark,
		Out:      there.latency, Back: back.latency,
	}
}

var errClosed = errors.New("no connection")

func (h *host) Send(to string, m *Message, failed func(error)) {
	h.carry(to, m, h.w.link(h.cfg.Node.ID, to).latency, failed)
}

func (h *host) Underway(to string, m *Message, arrives time.Duration, failed func(error)) {
	h.carry(to, m, arrives, failed)
}

func (h *host) carry(to string, m *Message, d time.Duration, failed func(error)) {
	w, o, from := h.w, h.w.by[to], h.cfg.Node.ID
	conn, l := w.conns[pair(from, to)], w.link(from, to)
	if w.trace != nil {
		w.trace(fmt.Sprintf("%s > %s %s", from, to, describe(m)))
	}
	if conn == 0 {
		if failed != nil {
			h.After(0, "send.failed", func() { failed(errClosed) })
		}
		return
	}
	if l.dark {
		return
	}
	epoch, life := l.epoch, o.life
	w.e.After(d, "deliver", func() {
		if l.epoch != epoch || w.conns[pair(from, to)] != conn || !o.up || o.life != life {
			return
		}
		o.run(func() {
			if o.up && o.life == life {
				o.c.Receive(from, m)
			}
		})
	})
}

func (h *host) Connect(peer string, done func(*state.Node, error)) {
	w, o, self := h.w, h.w.by[peer], h.cfg.Node.ID
	there, back := w.link(self, peer), w.link(peer, self)
	life := h.life
	finish := func(err error) {
		h.run(func() {
			if !h.up || h.life != life {
				return
			}
			if err != nil {
				done(nil, err)
				return
			}
			done(o.c.node, nil)
		})
	}
	if w.conns[pair(self, peer)] != 0 && o.up {
		finish(nil)
		return
	}
	if there.dark || back.dark {
		w.hangs = append(w.hangs, hang{self, peer, func() { finish(errClosed) }})
		return
	}
	epochs := there.epoch + back.epoch
	w.e.After(there.latency+back.latency, "connect", func() {
		switch {
		case there.refused || back.refused || !o.up:
			finish(errClosed)
		case there.epoch+back.epoch != epochs:
			w.hangs = append(w.hangs, hang{self, peer, func() { finish(errClosed) }})
		default:
			oLife := o.life
			o.run(func() {
				if !o.up || o.life != oLife || !h.up || h.life != life {
					finish(errClosed)
					return
				}
				if w.conns[pair(self, peer)] == 0 {
					w.conn++
					w.conns[pair(self, peer)] = w.conn + 1
				}
				finish(nil)
			})
		}
	})
}

// Questions.

// leader is the node that leads in the highest term, or nil.
func (w *world) leader() *host {
	var best *host
	for _, h := range w.hosts {
		if h.up && h.c.Mode() == Leader && (best == nil || h.c.Term() > best.c.Term()) {
			best = h
		}
	}
	return best
}

// stable reports whether every running node has applied the same recovered state of
// a leader, with all running nodes in it.
func (w *world) stable() bool {
	l := w.leader()
	if l == nil || l.applied.Master != l.cfg.Node.ID || l.c.publication != nil || l.c.master.busy {
		return false
	}
	running := 0
	for _, h := range w.hosts {
		if !h.up || h.paused {
			continue
		}
		running++
		if h.applied.StateUUID != l.applied.StateUUID || !same(l.applied.Node(h.cfg.Node.ID), h.c.node) {
			return false
		}
	}
	return running == len(l.applied.Nodes) && !HasBlock(l.applied, NotRecoveredBlockID)
}

func (w *world) names(st *state.State) []string {
	var out []string
	for _, n := range st.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// follower is a running node that does not lead.
func (w *world) follower() *host {
	for _, h := range w.hosts {
		if h.up && h.c.Mode() == Follower {
			return h
		}
	}
	return nil
}

// formed starts all nodes and waits until they are one cluster.
func (w *world) formed(t testing.TB) *world {
	t.Helper()
	w.start()
	for end := w.e.Now().Add(30 * time.Second); !w.stable(); { // not after every event
		require.Less(t, w.e.Now(), end, "%v", tail(w.log, 20))
		w.run(t, 5*time.Millisecond)
	}
	return w
}

// await runs until something holds and returns how long that took.
func (w *world) await(t testing.TB, limit time.Duration, done func() bool) time.Duration {
	t.Helper()
	from := w.e.Now()
	err := w.e.RunUntil(func() bool { return w.inv.Err() != nil || done() }, from.Add(limit))
	require.NoError(t, w.inv.Err())
	require.NoError(t, err, "log:\n%v", tail(w.log, 20))
	return w.e.Now().Sub(from)
}

func (w *world) run(t testing.TB, d time.Duration) {
	t.Helper()
	require.NoError(t, w.e.Run(w.e.Now().Add(d)))
	require.NoError(t, w.inv.Err())
}

func tail(log []string, n int) []string { return slices.Clone(log[max(0, len(log)-n):]) }
