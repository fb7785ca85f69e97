package coordination

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// disturbance plays random faults on a world: cuts, pauses, kills, slow appliers,
// slower links, tasks; at the end everything is mended.
type disturbance struct {
	w    *world
	r    *rand.Rand
	acts []string
	// wild also kills and pauses nodes and slows links; without it only what keeps the
	// latencies constant and leaves random numbers alone happens.
	wild bool
}

func (d *disturbance) host() *host { return d.w.hosts[d.r.IntN(len(d.w.hosts))] }

func (d *disturbance) two() (string, string) {
	i := d.r.IntN(len(d.w.hosts))
	k := (i + 1 + d.r.IntN(len(d.w.hosts)-1)) % len(d.w.hosts)
	return d.w.hosts[i].cfg.Node.ID, d.w.hosts[k].cfg.Node.ID
}

func (d *disturbance) note(format string, args ...any) {
	d.acts = append(d.acts, fmt.Sprintf("%v ", d.w.e.Now())+fmt.Sprintf(format, args...))
}

func (d *disturbance) act() {
	w := d.w
	a, z := d.two()
	h := d.host()
	if l := w.leader(); l != nil && d.r.IntN(3) == 0 {
		d.note("task on the leader %s", l.cfg.Node.ID)
		l.c.Submit(touch("random", nil))
	}
	switch n := d.r.IntN(15); {
	case n == 0:
		d.note("blackhole %s>%s", a, z)
		w.blackhole(a, z)
	case n == 1:
		d.note("blackhole %s=%s", a, z)
		w.blackholeBoth(a, z)
	case n == 2:
		d.note("isolate %s", a)
		w.isolate(a, w.blackholeBoth)
	case n == 3:
		d.note("reset %s=%s", a, z)
		w.reset(a, z)
	case n == 4:
		d.note("isolate by reset %s", a)
		w.isolate(a, w.reset)
	case n == 14 && d.wild:
		h.full = !h.full
		d.note("disk of %s full: %v", h.cfg.Node.ID, h.full)
	case n <= 6 || n >= 12:
		d.note("heal %s=%s", a, z)
		w.heal(a, z)
	case n == 7 && h.up:
		d.note("task on %s", h.cfg.Node.ID)
		h.c.Submit(touch("random", nil))
	case n == 8 && h.up:
		h.applyTakes = time.Duration(d.r.IntN(3)) * 500 * time.Millisecond
	case !d.wild:
	case n == 9:
		if h.up {
			d.note("kill %s", h.cfg.Node.ID)
			h.kill()
		} else {
			d.note("start %s", h.cfg.Node.ID)
			h.start()
		}
	case n == 10 && h.up:
		if h.paused {
			d.note("resume %s", h.cfg.Node.ID)
			h.resume()
		} else {
			d.note("pause %s", h.cfg.Node.ID)
			h.pause()
		}
	case n == 11:
		l := w.link(a, z)
		l.latency = time.Duration(1+d.r.IntN(40)) * time.Millisecond
		d.note("latency %s>%s %v", a, z, l.latency)
		w.board.maybePath(a, z)
	}
}

// mend undoes all faults.
func (d *disturbance) mend() {
	w := d.w
	for _, h := range w.hosts {
		h.applyTakes, h.full = 0, false
		if h.paused {
			h.resume()
		}
	}
	for i, h := range w.hosts {
		for _, o := range w.hosts[:i] {
			w.heal(h.cfg.Node.ID, o.cfg.Node.ID)
		}
	}
	w.start()
}

// play acts at random moments of a span of time.
func (d *disturbance) play(t *testing.T, acts int, span time.Duration) {
	for range acts {
		d.act()
		require.NoError(t, d.w.e.Run(d.w.e.Now().Add(time.Duration(d.r.Int64N(int64(2*span)/int64(acts))))))
		require.NoError(t, d.w.inv.Err(), "%v\n%v", d.acts, tail(d.w.log, 30))
	}
}

func TestRandomFaultsNeverBreakTheInvariantsAndAreGotOver(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	commits, terms := 0, int64(0)
	for seed := range seeds {
		nodes := 1 + int(seed%7)
		if nodes == 1 {
			nodes = 3
		}
		opts := fastDetection
		if seed%3 == 0 {
			opts = nil
		}
		if seed%5 == 0 {
			opts = append(slices.Clip(opts), busy)
		}
		w := newWorld(seed, nodes, seed%4 != 0, opts...).formed(t)
		d := &disturbance{w: w, r: rand.New(rand.NewPCG(seed, 1)), wild: true}
		d.play(t, 40, 3*time.Minute)
		d.mend()
		err := w.e.RunUntil(func() bool { return w.inv.Err() != nil || w.stable() }, w.e.Now().Add(3*time.Minute))
		require.NoError(t, w.inv.Err(), "seed %d\n%v", seed, d.acts)
		if !assert.NoError(t, err, "seed %d: no cluster after everything was mended\n%v\n%v", seed, d.acts, tail(w.log, 20)) {
			return
		}
		commits += w.inv.Commits()
		terms += w.leader().c.Term()
	}
	t.Logf("%d schedules, %d states committed, %d terms", seeds, commits, terms)
}

// history records every change of mode, term, leader and applied state with its time.
func history(w *world) *[]string {
	out := &[]string{}
	for _, h := range w.hosts {
		name := h.cfg.Node.ID
		last := ""
		h.cfg.Hooks.ModeChanged = func(mode Mode, term int64, leader string) {
			if s := fmt.Sprintf("%s %v %d %s", name, mode, term, leader); s != last {
				last = s
				*out = append(*out, fmt.Sprintf("%v %s", w.e.Now(), s))
			}
		}
	}
	return out
}

func TestComputedChecksBehaveLikeChecksSentOneByOne(t *testing.T) {
	different := 0
	computed, sent := uint64(0), uint64(0)
	for seed := range uint64(200) {
		run := func(lazy bool) (acts, modes, log []string, events uint64) {
			opts := fastDetection
			if seed%5 == 0 {
				opts = append(slices.Clip(opts), busy)
			}
			w := newWorld(seed, 3+int(seed%3), lazy, opts...)
			h := history(w)
			w.formed(t)
			d := &disturbance{w: w, r: rand.New(rand.NewPCG(seed, 2)), wild: seed%2 == 0}
			d.play(t, 25, 4*time.Minute)
			d.mend()
			w.run(t, time.Minute)
			slices.Sort(*h) // what happens at one instant may happen in another order
			slices.Sort(w.log)
			return d.acts, *h, w.log, w.e.Events()
		}
		acts, modes, log, events := run(true)
		acts2, modes2, log2, events2 := run(false)
		require.Equal(t, acts2, acts)
		computed, sent = computed+events, sent+events2
		if !assert.Equal(t, modes2, modes, "seed %d\n%v", seed, acts) || !assert.Equal(t, log2, log, "seed %d\n%v", seed, acts) {
			different++
		}
		if different > 2 {
			return
		}
	}
	t.Logf("%d events instead of %d", computed, sent)
}
