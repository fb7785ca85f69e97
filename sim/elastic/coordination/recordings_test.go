package coordination

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recording is what these tests need of a recorded timeline of a real cluster.
type recording struct {
	Reps []struct {
		Variant  string
		Observer string
		Master   string `json:"master_before"`
		Victims  []string
		Marks    []struct {
			T     float64
			Phase string
		}
		Before, After struct {
			Version      int64
			Coordination struct {
				Term      int64
				Committed []string `json:"last_committed_config"`
			}
		}
		Cluster []struct {
			T      float64
			V      int64
			Master string
			Nodes  []string
		}
	}
}

func recorded(t *testing.T, name string) *recording {
	f, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "traces", name+".json.gz"))
	if err != nil {
		t.Skip("the recordings are not here: ", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var r recording
	require.NoError(t, json.NewDecoder(z).Decode(&r))
	return &r
}

// view is a change of what an observer shows: whether there is a master, whether it is
// the first one, and how many nodes there are.
type view struct {
	master string // "first", "none", "other"
	nodes  int
}

func viewOf(master, first string, nodes int) view {
	switch master {
	case first:
		master = "first"
	case "":
		master = "none"
	default:
		master = "other"
	}
	return view{master, nodes}
}

// outcome is the views of an observer after a fault, with their times, and the terms.
type outcome struct {
	views    []view
	at       []time.Duration
	versions []int64 // since the fault
	terms    int64   // by how many it rose
	voters   int
}

// simulated plays a fault on a victim, heals it if wanted, and returns what the
// observer showed: a node that was and stays a follower when the victim led, else the
// leader.
func simulated(t *testing.T, seed uint64, opts []option, victimLeads bool, fault func(*world, *host), heal time.Duration) outcome {
	w := newWorld(seed, 3, true, opts...).formed(t)
	w.run(t, 10*time.Second+time.Duration(seed)*91*time.Millisecond)
	l := w.leader()
	victim := l
	if !victimLeads {
		victim = w.follower()
	}
	first, version, term, from := l.cfg.Node.ID, l.applied.Version, l.c.Term(), w.e.Now()
	seen := map[*host]*outcome{}
	for _, h := range w.hosts {
		seen[h] = &outcome{}
	}
	w.applies = func(h *host) {
		o, st := seen[h], h.applied
		now := viewOf(st.Master, first, len(st.Nodes))
		if n := len(o.views); n > 0 && o.views[n-1] == now || n == 0 && now == viewOf(first, first, 3) {
			return
		}
		o.views = append(o.views, now)
		o.at = append(o.at, w.e.Now().Sub(from))
		o.versions = append(o.versions, st.Version-version)
	}
	fault(w, victim)
	if heal > 0 {
		w.run(t, heal)
		w.isolate(victim.cfg.Node.ID, w.heal)
	}
	w.run(t, from.Add(time.Minute).Sub(w.e.Now()))
	observer := l
	for _, h := range w.hosts {
		if victimLeads && h != victim && h != w.leader() {
			observer = h
		}
	}
	out := seen[observer]
	out.terms = w.leader().c.Term() - term
	out.voters = len(w.leader().applied.LastCommitted)
	return *out
}

func TestRecordedFaultsTakeTheSameCourse(t *testing.T) {
	kill := func(_ *world, h *host) { h.kill() }
	cut := func(how func(*world) func(a, z string)) func(*world, *host) {
		return func(w *world, h *host) { w.isolate(h.cfg.Node.ID, how(w)) }
	}
	dark := cut(func(w *world) func(a, z string) { return w.blackholeBoth })
	reset := cut(func(w *world) func(a, z string) { return w.reset })
	for _, c := range []struct {
		file, variant string
		opts          []option
		victimLeads   bool
		fault         func(*world, *host)
		heal          time.Duration
		// slack is what a busy processor added at most to the times recorded.
		slack time.Duration
	}{
		{"P1-kill-data-node", "", nil, false, kill, 0, 500 * time.Millisecond},
		{"P2-kill-master", "", nil, true, kill, 0, 1800 * time.Millisecond},
		{"P3-reset-partition-heal", "leases-stale", nil, false, reset, 20 * time.Second, 2 * time.Second},
		{"P3-reset-partition-heal", "leases-renewed", nil, false, reset, 20 * time.Second, 2 * time.Second},
		{"P4-blackhole-partition", "fast-detection", fastDetection, false, dark, 0, 500 * time.Millisecond},
		{"P4-blackhole-partition", "default-detection", nil, false, dark, 0, 800 * time.Millisecond},
		{"P4-blackhole-partition", "fast-detection-master", fastDetection, true, dark, 0, 1900 * time.Millisecond},
	} {
		t.Run(c.file+c.variant, func(t *testing.T) {
			rec := recorded(t, c.file)
			var sims []outcome
			for seed := range uint64(12) {
				sims = append(sims, simulated(t, seed, c.opts, c.victimLeads, c.fault, c.heal))
			}
			sim := sims[0]
			for _, rep := range rec.Reps {
				if rep.Variant != c.variant {
					continue
				}
				term := rep.After.Coordination.Term - rep.Before.Coordination.Term
				assert.Equal(t, sim.terms > 0, term > 0)
				assert.Equal(t, sim.voters, len(rep.After.Coordination.Committed))
				n := 0
				for _, at := range rep.Cluster {
					v := viewOf(at.Master, rep.Master, len(at.Nodes))
					if at.T < 0 || n >= len(sim.views) {
						continue
					}
					require.Equal(t, sim.views[n], v, "t=%v", at.T)
					lo, hi := sims[0].at[n], sims[0].at[n]
					for _, s := range sims {
						require.Equal(t, sim.views, s.views)
						lo, hi = min(lo, s.at[n]), max(hi, s.at[n])
					}
					recordedAt := time.Duration(at.T * float64(time.Second))
					assert.GreaterOrEqual(t, recordedAt, lo-100*time.Millisecond, fmt.Sprint(v))
					assert.LessOrEqual(t, recordedAt, hi+c.slack, fmt.Sprint(v))
					assert.GreaterOrEqual(t, at.V-rep.Before.Version, sim.versions[n], "%v", v)
					n++
				}
				assert.GreaterOrEqual(t, n, len(sim.views))
			}
		})
	}
}
