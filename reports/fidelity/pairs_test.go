package fidelity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/recorded"
)

// departure is how two killed nodes left a cluster, recorded or simulated.
type departure struct {
	states int     // that took them out
	yellow bool    // with one of them gone: what lay on both went on on the other
	first  float64 // from the kill until the first was out, in seconds
	gap    float64 // from there until the second was, in seconds
}

// recordedDepartures are those of the recordings with the kills so many seconds apart.
func recordedDepartures(t *testing.T, apart int) (out []departure) {
	t.Helper()
	all, err := recorded.Pairs()
	require.NoError(t, err)
	for _, p := range all {
		if p.Apart != apart {
			continue
		}
		require.Len(t, p.Noticed, 2)
		d := departure{states: len(p.Left), first: p.Left[0].T / 1000, gap: (p.Left[len(p.Left)-1].T - p.Left[0].T) / 1000}
		for _, h := range p.Health {
			d.yellow = d.yellow || h.Status == "yellow" && h.Nodes == 4 && h.T < p.Joined[0].T
		}
		out = append(out, d)
	}
	return out
}

// simulatedDeparture is that of one run.
func simulatedDeparture(t *testing.T, apart time.Duration, seed uint64) (d departure) {
	t.Helper()
	name, text, err := recorded.Text("two-killed")
	require.NoError(t, err)
	loaded, err := scenarios.ParseSet(name, text, []string{fmt.Sprintf("faults[1].at=%s", 5*time.Second+apart)}, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}).Run(t.Context(), loaded, scenarios.Options{Seed: seed})
	require.NoError(t, err)
	require.Equal(t, scenarios.Pass, res.Verdict)
	members := 5
	for _, o := range res.History.Observations {
		switch s := o.Sight.(type) {
		case observed.Members:
			if len(s.Nodes) < members && o.At < 15*time.Second {
				d.states++
				out := (o.At - 5*time.Second).Seconds()
				if d.states == 1 {
					d.first = out
				}
				d.gap = out - d.first
			}
			members = len(s.Nodes)
		case observed.Health:
			d.yellow = d.yellow || s.Status == "yellow" && s.Nodes == 4 && o.At < 15*time.Second
		}
	}
	return d
}

// Nodes that are killed at one moment leave the cluster in two states, and what lay on both
// of them goes on on the second for that long: in every recording, and in every run. So do
// those that are killed five seconds apart. When the first is out, and how much later the
// second, lies in the range of the recordings, or no more than 50 ms beside it.
func TestTwoKilledNodesLeaveAsTheyDidInTheRecordings(t *testing.T) {
	for _, apart := range []int{0, 5} {
		real := recordedDepartures(t, apart)
		require.GreaterOrEqual(t, len(real), 3)
		for _, d := range real {
			assert.Equal(t, 2, d.states, "recorded, %d s apart", apart)
			assert.True(t, d.yellow, "recorded, %d s apart", apart)
		}
		for seed := range uint64(10) {
			d := simulatedDeparture(t, time.Duration(apart)*time.Second, seed+1)
			assert.Equal(t, 2, d.states, "seed %d, %d s apart", seed+1, apart)
			assert.True(t, d.yellow, "seed %d, %d s apart", seed+1, apart)
			for what, of := range map[string]func(departure) float64{
				"until the first is out":   func(d departure) float64 { return d.first },
				"from there to the second": func(d departure) float64 { return d.gap },
			} {
				least, most := rangeOf(real, of)
				assert.GreaterOrEqual(t, of(d), least-0.05, "seed %d, %d s apart, seconds %s", seed+1, apart, what)
				assert.LessOrEqual(t, of(d), most+0.05, "seed %d, %d s apart, seconds %s", seed+1, apart, what)
			}
		}
	}
}

// rangeOf are the least and the most that departures show.
func rangeOf(all []departure, of func(departure) float64) (least, most float64) {
	least, most = of(all[0]), of(all[0])
	for _, d := range all {
		least, most = min(least, of(d)), max(most, of(d))
	}
	return least, most
}
