package backend_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/importer"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/backend"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
)

// recordedCase is a dump of a real cluster and what the cluster did next.
type recordedCase struct {
	bundle string
	rep    struct {
		Rep     int      `json:"rep"`
		Bundle  string   `json:"bundle"` // "": beside the timeline
		Victims []string `json:"victims"`
		Marks   []struct {
			What string
			Took float64 `json:"took_s"`
		} `json:"marks"`
		Metrics map[string]struct {
			Relocations  float64 `json:"relocations"`
			Initializing float64 `json:"first_initializing_s"`
			Removed      float64 `json:"node_removed_s"`
		} `json:"metrics"`
		Before, After struct {
			Copies  map[string]int                              `json:"copies_per_node"`
			Terms   map[string]map[string]int                   `json:"primary_terms"`
			Routing map[string]map[string][]struct{ St string } `json:"routing"`
		}
		Recoveries []struct {
			Kind  string `json:"kind"`
			Bytes int64  `json:"bytes_recovered"`
		} `json:"recoveries"`
	}
}

// outcome is what a run came to, as numbers by name.
type outcome map[string]float64

// recorded is the outcome that the real cluster had.
func (c *recordedCase) recorded() outcome {
	o := outcome{}
	for name, n := range c.rep.After.Copies {
		o["copies on "+name] = float64(n)
	}
	for _, m := range c.rep.Metrics {
		o["moves"] += m.Relocations
		if m.Initializing > 1 { // after a delay that is set
			o["first recovery, s"] = m.Initializing
		}
	}
	for _, r := range c.rep.Recoveries {
		o["recoveries by "+r.Kind]++
		o["MB"] += float64(r.Bytes) / 1e6
	}
	for index, terms := range c.rep.After.Terms {
		for shard, term := range terms {
			o["promotions"] += float64(term - c.rep.Before.Terms[index][shard])
		}
		for _, copies := range c.rep.After.Routing[index] {
			for _, cp := range copies {
				if cp.St == "UNASSIGNED" {
					o["unassigned"]++
				}
			}
		}
	}
	return o
}

// readCases reads a timeline with its bundles.
func readCases(t *testing.T, timeline string) []*recordedCase {
	t.Helper()
	f, err := os.Open(timeline)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // reading only
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var doc struct{ Reps []json.RawMessage }
	require.NoError(t, json.NewDecoder(z).Decode(&doc))
	var out []*recordedCase
	for _, raw := range doc.Reps {
		c := &recordedCase{}
		require.NoError(t, json.Unmarshal(raw, &c.rep))
		if c.bundle = c.rep.Bundle; c.bundle != "" {
			out = append(out, c)
			continue
		}
		c.bundle = strings.TrimSuffix(timeline, ".json.gz") + "-rep" + strconv.Itoa(c.rep.Rep) + ".zip"
		out = append(out, c)
	}
	return out
}

// specOf describes an imported cluster to the backend, as a scenario does.
func specOf(c *clusterfile.Cluster) scenarios.ClusterSpec {
	spec := scenarios.ClusterSpec{Name: c.Name, System: c.System, Own: &es.Description{Formed: c}, Viewers: []string{scenarios.ViewerController, scenarios.ViewerClient}}
	for _, n := range c.Nodes {
		spec.Nodes = append(spec.Nodes, scenarios.NodeSpec{
			Name: n.Name, Disk: n.Disk.Total.V, Network: 1_250_000_000, Latency: 200 * time.Microsecond, CPUs: int(n.Processors.V), Heap: n.HeapMax.V, Roles: n.Roles, Attributes: n.Attributes,
		})
	}
	return spec
}

// startInPlace starts an imported cluster.
func startInPlace(t testing.TB, c *clusterfile.Cluster, seed uint64) (scenarios.Cluster, *elastic.Cluster) {
	t.Helper()
	return startPaced(t, c, seed, calibration.Default())
}

// startPaced starts it on a machine of another speed.
func startPaced(t testing.TB, c *clusterfile.Cluster, seed uint64, cal calibration.Constants) (scenarios.Cluster, *elastic.Cluster) {
	t.Helper()
	b, err := catalog.Simulator(cal)
	require.NoError(t, err)
	cluster, err := b.Start(t.Context(), specOf(c), scenarios.StartOptions{Seed: seed, Progress: func(string, ...any) {}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cluster.Close(context.Background())) })
	m, ok := backend.Model(cluster)
	require.True(t, ok)
	return cluster, m
}

// pace is a machine that answers as fast as the recorded one did. How long several requests
// took tells it: each waits until a state has been published and applied by all. A machine that
// takes longer for each makes fewer states of them, and other moves.
func (c *recordedCase) pace(t *testing.T, dump *clusterfile.Cluster) calibration.Constants {
	t.Helper()
	cal := calibration.Default()
	if !strings.HasPrefix(c.rep.Marks[0].What, severalRequests) {
		return cal
	}
	for range 3 {
		took := time.Duration(0)
		const tries = 5
		for seed := range uint64(tries) {
			cluster, m := startPaced(t, dump, seed+1, cal)
			require.NoError(t, cluster.Run(t.Context(), func(ctx, _ context.Context) error {
				clk := cluster.Clock(scenarios.ViewerClient)
				if err := clk.Sleep(ctx, time.Second); err != nil {
					return err
				}
				begun := clk.Monotonic()
				err := c.strike(ctx, m, clk, seed+1)
				took += (clk.Monotonic() - begun) / tries
				return err
			}))
		}
		faster := c.rep.Marks[0].Took / took.Seconds()
		if faster > 0.95 {
			break
		}
		for _, d := range []*time.Duration{&cal.StateUpdate, &cal.StateAccept, &cal.StateApply} {
			*d = time.Duration(float64(*d) * faster)
		}
	}
	t.Logf("%.2f s for the requests: a state is computed in %v, accepted in %v, applied in %v", c.rep.Marks[0].Took, cal.StateUpdate, cal.StateAccept, cal.StateApply)
	return cal
}

// severalRequests is how the mark begins of an event that is several requests.
const severalRequests = "replicas + 1 of "

// strike does to the cluster what was done to the recorded one.
func (c *recordedCase) strike(ctx context.Context, m *elastic.Cluster, clk clock.Clock, seed uint64) error {
	what := c.rep.Marks[0].What
	node := m.Nodes()[0]
	persistent := func(key, value string) error {
		_, _, err := metadata.UpdateClusterSettings(ctx, node, map[string]*string{key: &value}, nil, time.Minute, time.Minute)
		return err
	}
	switch {
	case strings.HasPrefix(what, "kill"):
		return m.Kill(c.rep.Victims[0])
	case strings.HasPrefix(what, "exclude"):
		return persistent("cluster.routing.allocation.exclude._name", c.rep.Victims[0])
	case strings.HasPrefix(what, "rebalance.enable=all"):
		return persistent("cluster.routing.rebalance.enable", "all")
	case strings.HasPrefix(what, severalRequests):
		names := strings.Split(strings.TrimPrefix(what, severalRequests), ", ")
		// They were sent one after another, each when the one before was answered, and took so long
		// together. What simulated ones take less lies anywhere between them.
		r := rand.New(rand.NewPCG(seed, 1))
		waited := make([]float64, len(names)) // shares of what they take less, until each is sent
		for i := range waited[1:] {
			waited[i+1] = r.Float64()
		}
		slices.Sort(waited)
		begun, less := clk.Monotonic(), time.Duration(0)
		for i, name := range names {
			if i == 1 {
				one := clk.Monotonic() - begun
				less = max(0, time.Duration(c.rep.Marks[0].Took*1e9)-time.Duration(len(names))*one)
			}
			if i > 0 {
				if err := clk.Sleep(ctx, time.Duration((waited[i]-waited[i-1])*float64(less))); err != nil {
					return err
				}
			}
			replicas := strconv.Itoa(node.Applied().Index(name).Replicas + 1)
			if _, err := metadata.UpdateIndexSettings(ctx, node, []string{name}, map[string]*string{"index.number_of_replicas": &replicas}, time.Minute, time.Minute); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("don't know how to %q", what)
}

// predict runs one start in place until long after the event.
func (c *recordedCase) predict(t *testing.T, dump *clusterfile.Cluster, seed uint64, cal calibration.Constants) outcome {
	t.Helper()
	cluster, m := startPaced(t, dump, seed, cal)
	seen := &sight{moves: map[string]bool{}, recoveries: map[string]observed.Recovery{}}
	terms := map[string]int64{}
	require.NoError(t, cluster.Run(t.Context(), func(ctx, _ context.Context) error {
		clk := cluster.Clock(scenarios.ViewerClient)
		if err := cluster.Observe(ctx, seen.take); err != nil {
			return err
		}
		if err := clk.Sleep(ctx, time.Second); err != nil {
			return err
		}
		for _, ix := range m.Nodes()[0].Applied().Indices {
			for i, term := range ix.PrimaryTerms {
				terms[fmt.Sprint(ix.Name, i)] = term
			}
		}
		seen.struck, seen.clk = clk.Monotonic(), clk
		if err := c.strike(ctx, m, clk, seed); err != nil {
			return err
		}
		return clk.Sleep(ctx, 30*time.Second)
	}))
	require.NoError(t, m.Err())
	o := seen.outcome()
	st := m.Nodes()[0].Applied()
	for _, n := range m.Nodes() {
		if n.Applied().Version > st.Version {
			st = n.Applied()
		}
	}
	for _, ix := range st.Indices {
		for i, term := range ix.PrimaryTerms {
			o["promotions"] += float64(term - terms[fmt.Sprint(ix.Name, i)])
		}
		for _, sh := range st.Routing.Index(ix.Name).Shards {
			for _, cp := range sh.Copies {
				if n := m.NodeByID(cp.Node); n != nil {
					o["copies on "+n.Name()]++
				} else {
					o["unassigned"]++
				}
			}
		}
	}
	return o
}

// sight is what was observed of a run.
type sight struct {
	moves      map[string]bool
	recoveries map[string]observed.Recovery
	removed    time.Duration
	first      time.Duration
	struck     time.Duration
	clk        clock.Clock
	nodes      int
}

func (s *sight) take(o observed.Observation) {
	switch v := o.Sight.(type) {
	case observed.Copies:
		for _, c := range v {
			if c.State == "RELOCATING" {
				s.moves[fmt.Sprint(c.ID, c.To)] = true
			}
			if c.State == "INITIALIZING" && s.first == 0 && s.struck > 0 {
				s.first = o.At
			}
		}
	case observed.Recovery:
		if v.Kind != "" && v.Kind != "local" || v.Stage == "DONE" {
			s.recoveries[v.ID] = v
		}
	case observed.Members:
		if s.nodes > len(v.Nodes) && s.removed == 0 {
			s.removed = o.At
		}
		s.nodes = max(s.nodes, len(v.Nodes))
	}
}

func (s *sight) outcome() outcome {
	o := outcome{"moves": float64(len(s.moves))}
	for _, r := range s.recoveries {
		if r.Start < s.struck {
			continue
		}
		o["recoveries by "+r.Kind]++
		o["MB"] += float64(r.Bytes) / 1e6
	}
	if s.removed > 0 {
		o["first recovery, s"] = (s.first - s.struck).Seconds()
	}
	return o
}

// starts is how many orders of the indices are tried.
const starts = 200

// judge compares what was recorded with the range of what the starts in place come to, and
// says how many numbers it compared and how many of them are outside.
func (c *recordedCase) judge(t *testing.T, n int) (compared, out int) {
	dump, err := importer.Import(t.Context(), importer.Options{Sources: []string{c.bundle}})
	require.NoError(t, err)
	got := map[string][]float64{}
	var all []outcome
	cal := c.pace(t, dump)
	for seed := range n {
		o := c.predict(t, dump, uint64(seed)+1, cal)
		all = append(all, o)
		for k := range o {
			got[k] = nil
		}
	}
	want := c.recorded()
	for k := range want {
		got[k] = nil
	}
	for k := range got {
		for _, o := range all {
			got[k] = append(got[k], o[k])
		}
		low, high, slack := slices.Min(got[k]), slices.Max(got[k]), 0.0
		switch k {
		case "MB": // segments differ by a little
			slack = 0.02*want[k] + 0.01
		case "first recovery, s": // the state is looked at ten times in a second
			slack = max(0.3, 0.15*want[k])
		}
		t.Logf("%-20s recorded %6.2f, predicted %6.2f to %6.2f", k, want[k], low, high)
		within := want[k] >= low-slack && want[k] <= high+slack
		if compared++; !within {
			out++
		}
		assert.True(t, within, "%s: recorded %v, predicted %v to %v", k, want[k], low, high)
	}
	return compared, out
}

// The same of two cases that lie here, with fewer starts.
func TestTwoRecordedCasesAreWithinThePrediction(t *testing.T) {
	for _, name := range []string{"zones", "uneven"} {
		for _, c := range readCases(t, "testdata/truth/"+name+".json.gz") {
			t.Run(name, func(t *testing.T) { c.judge(t, 40) })
		}
	}
}

// What happened to real clusters lies within what is predicted from their dumps alone.
func TestWhatRealClustersDidIsWithinThePrediction(t *testing.T) {
	timelines, _ := filepath.Glob(truthFolder() + "/*.json.gz")
	if len(timelines) == 0 {
		t.Skip("the recorded dumps of irregular clusters (../shared/imports) are not here")
	}
	n := starts
	if testing.Short() {
		t.Skip("two hundred starts of a dozen clusters take half a minute")
	}
	all, out := 0, 0
	for _, timeline := range timelines {
		for _, c := range readCases(t, timeline) {
			t.Run(strings.TrimSuffix(filepath.Base(c.bundle), ".zip"), func(t *testing.T) {
				compared, beyond := c.judge(t, n)
				all, out = all+compared, out+beyond
			})
		}
	}
	t.Logf("%d numbers, %d of them outside", all, out)
	doc, err := os.ReadFile("../../../docs/import.md")
	require.NoError(t, err)
	assert.True(t, strings.Contains(string(doc), fmt.Sprintf("all %d numbers", all)), "docs/import.md says how many")
}

// truthFolder is where the dumps lie: beside the project.
func truthFolder() string {
	for _, dir := range []string{"../../../../shared/imports", "../../../../../shared/imports"} {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return "../../../../shared/imports"
}
