package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshotpolicies"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

const (
	// defaultLatency is one way between two endpoints where the description gives none.
	defaultLatency = 200 * time.Microsecond
	// formLimit is how long a cluster may take to form, greenLimit to become green while
	// it is being loaded, in virtual time.
	formLimit, greenLimit = 5 * time.Minute, 10 * time.Minute
	// calmFor is for how long nothing recovers where nothing more is to be expected.
	calmFor = 2 * time.Second
)

// Backend makes simulated Elasticsearch clusters for scenarios.
type Backend struct {
	// Transport serves a cluster's REST API to a viewer.
	Transport func(c *elastic.Cluster) func(viewer string) http.RoundTripper
	// Calibration is [calibration.Default] when zero.
	Calibration calibration.Constants
	// Began is the wall-clock time at which the nodes start, whatever the cluster's description
	// says; zero: that of the description or else the engine's own, so that runs repeat.
	Began time.Time
}

var _ scenarios.Backend = (*Backend)(nil)

// NewBackend makes the backend with a REST API.
func NewBackend(transport func(c *elastic.Cluster) func(viewer string) http.RoundTripper) *Backend {
	return &Backend{Transport: transport}
}

// Name implements [scenarios.Backend].
func (b *Backend) Name() string { return "sim" }

// Offers implements [scenarios.Backend].
func (b *Backend) Offers(_ context.Context, spec scenarios.ClusterSpec) (chaos.Target, error) {
	t := newTarget(nil).all()
	t.XPack = es.DescriptionOf(spec).Distribution != es.MinimalDistribution
	return t, nil
}

// Start implements [scenarios.Backend]: the cluster has formed when it returns.
func (b *Backend) Start(_ context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	s, err := b.build(spec, opt)
	if err != nil {
		return nil, err
	}
	own := es.DescriptionOf(spec)
	switch {
	case own.Formed != nil:
		opt.Progress("starting %d nodes in place", s.prompt())
		if s.notes, err = s.startInPlace(own.Formed); err != nil {
			return nil, err
		}
		return s, nil
	case own.Start == scenarios.StartCold:
		return s, s.form()
	}
	opt.Progress("starting %d nodes, formed", s.prompt())
	switch err := s.startFormed(own.Indices); {
	case err == nil:
		return s, nil
	case !errors.Is(err, inplace.ErrForms):
		return nil, errors.Join(err, s.e.Close())
	case own.Start == scenarios.StartFormed:
		return nil, errors.Join(&scenarios.Misplaced{Path: "$.cluster.start", Err: err}, s.e.Close())
	default:
		return b.startCold(spec, opt, s, err)
	}
}

// startCold begins again, with a cluster that forms.
func (b *Backend) startCold(spec scenarios.ClusterSpec, opt scenarios.StartOptions, failed *simulated, why error) (scenarios.Cluster, error) {
	if err := failed.e.Close(); err != nil {
		return nil, err
	}
	s, err := b.build(spec, opt)
	if err != nil {
		return nil, err
	}
	s.notes = []string{"the cluster was formed and loaded before t=0 (start: cold): " + why.Error()}
	return s, s.form()
}

// build makes the cluster; nothing runs yet.
func (b *Backend) build(spec scenarios.ClusterSpec, opt scenarios.StartOptions) (*simulated, error) {
	began := b.Began
	if began.IsZero() {
		began = spec.Began
	}
	e := sim.NewEngine(sim.Config{Seed: opt.Seed, Start: began})
	s := &simulated{e: e, spec: spec, opt: opt, clocks: make(map[string]*sim.Clock), inUse: make(map[string]string)}
	maps.Copy(s.inUse, spec.Settings)
	maps.Copy(s.inUse, spec.Changed)
	cfg, err := s.configure(b.Calibration)
	if err != nil {
		return nil, err
	}
	for _, viewer := range spec.Viewers {
		cfg.Network.AddEndpoint(viewer, sim.EndpointSpec{Latency: defaultLatency / 2})
		s.clocks[viewer] = e.Clock(viewer)
	}
	if s.c, err = elastic.New(cfg); err != nil {
		return nil, err
	}
	s.target = newTarget(s.c)
	if b.Transport != nil {
		s.transport = b.Transport(s.c)
	}
	return s, nil
}

// tellEvents passes every event of the engine on from now on.
func (s *simulated) tellEvents() {
	if tell := s.opt.OnEvent; tell != nil {
		s.e.OnEvent(func(r sim.EventRecord) {
			tell(scenarios.Event{Index: r.Index, Run: s.e.Events(), At: time.Duration(r.Time), What: strings.TrimSpace(r.Type + " " + r.Entity), Hash: r.Hash})
		})
	}
}

// startInPlace starts an imported cluster in the state that it was in.
func (s *simulated) startInPlace(from *clusterfile.Cluster) (notes []string, err error) {
	s.tellEvents()
	if err := s.settleNetwork(); err != nil {
		return nil, err
	}
	if notes, err = inplace.Start(s.c, from); err != nil {
		return nil, fmt.Errorf("%w: %w", scenarios.ErrScenario, err)
	}
	return notes, nil
}

// startFormed starts a described cluster as one that formed long ago, with its indices.
func (s *simulated) startFormed(indices []es.IndexSpec) (err error) {
	for _, ix := range indices {
		maps.Copy(s.inUse, ix.Settings)
	}
	if err := s.settleNetwork(); err != nil {
		return err
	}
	s.held, err = inplace.StartFormed(s.c, s.specsOf(indices))
	s.loaded = err == nil
	s.tellEvents()
	return err
}

// form starts the nodes and waits until they are a cluster.
func (s *simulated) form() error {
	s.opt.Progress("starting %d nodes", s.prompt())
	s.tellEvents()
	s.c.Start()
	seen := ^uint64(0)
	formed := func() bool {
		// It is asked after every event, and few events change the answer.
		if s.c.Turns == seen {
			return false
		}
		seen = s.c.Turns
		return s.formed()
	}
	if err := s.script().Until(formed, sim.Time(formLimit)); err != nil {
		return fmt.Errorf("the cluster did not form: %w", err)
	}
	return nil
}

// settleNetwork lets the time pass until everybody knows that nobody is connected yet.
func (s *simulated) settleNetwork() error {
	latency := defaultLatency
	for _, n := range s.c.Nodes() {
		latency = max(latency, 2*n.Config().Latency)
	}
	settled := false
	s.e.After(latency+time.Millisecond, "network.settled", func() { settled = true })
	return s.script().Until(func() bool { return settled }, sim.Time(formLimit))
}

// simulated is a cluster as scenarios see it.
type simulated struct {
	e         *sim.Engine
	c         *elastic.Cluster
	spec      scenarios.ClusterSpec
	opt       scenarios.StartOptions
	clocks    map[string]*sim.Clock
	target    *target
	transport func(viewer string) http.RoundTripper
	index     settings.Settings // "index." settings of the description, for every index
	held      bool
	loaded    bool              // the indices were there from the start
	notes     []string          // of the start
	inUse     map[string]string // settings of the description and its indices
	closed    bool
}

var _ scenarios.Cluster = (*simulated)(nil)

// configure turns the description into a configuration.
func (s *simulated) configure(cal calibration.Constants) (elastic.Config, error) {
	own := es.DescriptionOf(s.spec)
	cfg := elastic.Config{Engine: s.e, Network: s.e.NewNetwork(s.e.NewFluid()), ClusterName: s.spec.Name, Calibration: cal, Distribution: elastic.Distribution(own.Distribution), Ageing: snapshotpolicies.Beside(metadata.NewAgeing), InUse: s.uses}
	node, persistent, index := make(map[string]string), make(map[string]string), make(map[string]string)
	described, ids := s.spec.Settings, map[string]string{}
	if f := own.Formed; f != nil {
		described, cfg.ClusterName = inplace.InNodeFiles(f), f.Name
		for _, n := range f.Nodes {
			ids[n.Name] = n.ID
		}
	}
	for _, key := range slices.Sorted(maps.Keys(described)) {
		value := described[key]
		switch entry := settings.ClusterRegistry().Lookup(key); {
		case strings.HasPrefix(key, "index."):
			index[key] = value
		case entry == nil && settings.Foreign(key):
			continue // told by Notes
		case entry == nil:
			return cfg, errors.New(settings.ClusterRegistry().Unknown(key))
		case entry.Dynamic():
			// In the nodes' files too, as in containers: they hold before the first state is
			// there, when the first look at the disks is scheduled.
			persistent[key], node[key] = value, value
		default:
			node[key] = value
		}
	}
	s.index, cfg.Persistent = settings.Of(index), settings.Of(persistent)
	for _, n := range s.spec.Nodes {
		nc := elastic.NodeConfig{
			Name: n.Name, ID: ids[n.Name], Roles: n.Roles, Settings: settings.Of(node), DiskBytes: n.Disk, DiskReadBPS: n.DiskRate, DiskWriteBPS: n.DiskRate,
			NetworkBPS: n.Network, Latency: n.Latency / 2, HeapBytes: n.Heap, CPUs: n.CPUs,
			Late: n.Late, Release: releaseOf(n.Version),
		}
		if n.Latency == 0 {
			nc.Latency = defaultLatency / 2
		}
		for _, name := range slices.Sorted(maps.Keys(n.Attributes)) {
			nc.Attributes = append(nc.Attributes, state.Attribute{Name: name, Value: n.Attributes[name]})
		}
		cfg.Nodes = append(cfg.Nodes, nc)
	}
	return cfg, nil
}

// uses tells of settings that come into force during the run and are not simulated, each once.
func (s *simulated) uses(keys []string) {
	news := make(map[string]string)
	for _, k := range keys {
		if _, known := s.inUse[k]; !known {
			s.inUse[k], news[k] = "", ""
		}
	}
	if list := settings.Unsimulated(news); len(list) > 0 {
		s.opt.Progress("settings that are not simulated: %s", strings.Join(list, ", "))
	}
}

// NotSimulated are those of some settings that the simulator does not go by.
func (s *simulated) NotSimulated(values map[string]string) []string {
	return settings.Unsimulated(values)
}

// releaseOf is what a node runs. Versions that aren't Elasticsearch's are told where the
// cluster is taken from; such nodes count as those that are modelled.
func releaseOf(version string) state.Release {
	r, err := state.ParseRelease(version)
	if err != nil {
		return 0
	}
	return r
}

// formed reports whether every node that is started with the cluster follows the same master and the state is recovered.
func (s *simulated) formed() bool {
	m := s.c.Leader()
	if m == nil || len(m.Applied().Global) > 0 {
		return false
	}
	for _, n := range s.c.Nodes() {
		if n.Config().Late {
			continue
		}
		if st := n.Applied(); !n.Serving() || st.Master != m.ID() || len(st.Nodes) != s.prompt() {
			return false
		}
	}
	return true
}

// prompt is how many nodes are started with the cluster.
func (s *simulated) prompt() int {
	count := 0
	for _, n := range s.c.Nodes() {
		if !n.Config().Late {
			count++
		}
	}
	return count
}

// script is what drives the engine.
func (s *simulated) script() sim.Script {
	return sim.Script{Engine: s.e, Clock: s.clocks[scenarios.ViewerClient], Broken: s.c.Err}
}

// Run implements [scenarios.Cluster].
func (s *simulated) Run(ctx context.Context, main func(run, cleanup context.Context) error) error {
	return s.script().Run(ctx, main)
}

// Clock implements [scenarios.Cluster].
func (s *simulated) Clock(viewer string) clock.Clock { return s.clocks[viewer] }

// Transport implements [scenarios.Cluster].
func (s *simulated) Transport(viewer string) http.RoundTripper { return s.transport(viewer) }

// URL implements [scenarios.Cluster].
func (s *simulated) URL(_, node string) string { return "http://" + node + ":9200" }

// Nodes implements [scenarios.Cluster].
func (s *simulated) Nodes() []string {
	var names []string
	for _, n := range s.c.Nodes() {
		names = append(names, n.Name())
	}
	return names
}

// Target implements [scenarios.Cluster].
func (s *simulated) Target() chaos.Target {
	t := s.target.all()
	t.XPack = es.DescriptionOf(s.spec).Distribution != es.MinimalDistribution
	return t
}

// LoadData implements [scenarios.Cluster]: indices without a placement are created and
// allocated as by a request; then allocation is held and the others are there at once.
func (s *simulated) LoadData(ctx context.Context, indices []es.IndexSpec) error {
	if s.loaded {
		return nil
	}
	for _, ix := range indices {
		maps.Copy(s.inUse, ix.Settings)
	}
	err := s.loadData(ctx, indices)
	if errors.Is(err, inplace.ErrUnfit) {
		return fmt.Errorf("%w: %w", scenarios.ErrScenario, err)
	}
	return err
}

func (s *simulated) loadData(ctx context.Context, indices []es.IndexSpec) error {
	var placed, free []inplace.IndexSpec
	for _, spec := range s.specsOf(indices) {
		if spec.Placement != nil {
			placed = append(placed, spec)
		} else {
			free = append(free, spec)
		}
	}
	if err := s.createFree(ctx, free); err != nil {
		return err
	}
	if len(placed) == 0 {
		return nil
	}
	if err := s.hold(ctx, true); err != nil {
		return fmt.Errorf("holding placements: %w", err)
	}
	for _, spec := range placed {
		if err := inplace.CreateStarted(ctx, s.c, spec); err != nil {
			return refused(spec.Name, err)
		}
	}
	return nil
}

// specsOf are indices in the order of their creation, with the settings that every index has.
func (s *simulated) specsOf(indices []es.IndexSpec) []inplace.IndexSpec {
	var out []inplace.IndexSpec
	for _, ix := range es.InOrder(indices) {
		out = append(out, inplace.IndexSpec{
			Name: ix.Name, Shards: ix.Shards, Replicas: ix.Replicas, Bytes: ix.Bytes, Docs: ix.Docs,
			Settings: s.index.Merged(settings.Of(ix.Settings)), Placement: ix.Placement,
		})
	}
	return out
}

func (s *simulated) createFree(ctx context.Context, specs []inplace.IndexSpec) error {
	if len(specs) == 0 {
		return nil
	}
	limit := max(greenLimit, s.spec.SteadyWithin)
	n, err := s.c.AnyNode()
	if err != nil {
		return err
	}
	wait := "all"
	if s.spec.Calm {
		wait = "0"
	}
	for _, spec := range specs {
		req := metadata.CreateIndexRequest{
			Name: spec.Name, Settings: spec.Full(), Mapping: []byte(indexmeta.DescribedMapping),
			WaitForActiveShards: wait, MasterTimeout: time.Minute, AckTimeout: limit,
		}
		acked, active, err := metadata.CreateIndex(ctx, n, req)
		switch {
		case err != nil:
			return refused(spec.Name, err)
		case !acked || !active:
			return &es.Unready{Index: spec.Name, Within: limit}
		}
	}
	if err := s.awaitLoaded(ctx, specs, limit); err != nil {
		return err
	}
	for _, spec := range specs {
		if err := inplace.Fill(s.c, spec); err != nil {
			return err
		}
	}
	return nil
}

// awaitLoaded waits until the copies of new indices are where they will be.
func (s *simulated) awaitLoaded(ctx context.Context, specs []inplace.IndexSpec, limit time.Duration) error {
	// The master applies a state after its followers, and Fill goes by what it applied.
	n := s.c.Leader()
	if n == nil {
		return errors.New("there is no master to load data")
	}
	ready := func(st *state.State) bool {
		for _, spec := range specs {
			for _, t := range st.Routing.Index(spec.Name).Shards {
				for _, cp := range t.Copies {
					if cp.State == state.Initializing || cp.State == state.Relocating || cp.State == state.Unassigned && !s.spec.Calm {
						return false
					}
				}
			}
		}
		return true
	}
	for still := false; !still; {
		quiet, err := n.WhenState(ctx, limit, ready)
		switch {
		case err != nil:
			return err
		case !quiet:
			return fmt.Errorf("the copies of the new indices were not at rest within %s", limit)
		case !s.spec.Calm:
			return nil
		}
		// What has no node may get one yet: the master decides in rounds.
		if err := s.clocks[scenarios.ViewerClient].Sleep(ctx, calmFor); err != nil {
			return err
		}
		still = ready(n.Applied())
	}
	return nil
}

// refused is what Elasticsearch says of an index, or another error.
func refused(index string, err error) error {
	var said *elastic.Error
	if errors.As(err, &said) {
		return &es.Refused{Index: index, Err: said}
	}
	return fmt.Errorf("creating index %s: %w", index, err)
}

// hold keeps copies where they are, or lets them go, by transient settings.
func (s *simulated) hold(ctx context.Context, on bool) error {
	var value *string
	if none := "none"; on {
		value = &none
	}
	n, err := s.c.AnyNode()
	if err != nil {
		return err
	}
	s.held = on
	_, _, err = metadata.UpdateClusterSettings(ctx, n, nil, map[string]*string{
		settings.RebalanceEnable.Key(): value, settings.AllocationEnable.Key(): value,
	}, time.Minute, time.Minute)
	return err
}

// Release implements [scenarios.Cluster].
func (s *simulated) Release(ctx context.Context) error {
	if !s.held {
		return nil
	}
	return s.hold(ctx, false)
}

// Background implements [scenarios.Cluster].
func (s *simulated) Background(_ context.Context, loads []es.LoadSpec) error {
	out := make([]elastic.Load, 0, len(loads))
	for _, l := range loads {
		out = append(out, elastic.Load{Index: l.Index, WritesPerSec: l.Writes, ReadsPerSec: l.Reads, DocBytes: l.DocBytes, Skew: l.Skew})
	}
	s.c.SetLoad(out)
	return nil
}

// Traffic implements [scenarios.Cluster].
func (s *simulated) Traffic() observed.Traffic {
	t := s.c.Fluid.Traffic()
	p50, p99 := s.c.Fluid.Clients()
	return observed.Traffic{Acked: t.Acked, Failed: t.Failed, Reads: t.Reads, ReadsFailed: t.ReadsFailed, P50: p50, P99: p99}
}

// Observe implements [scenarios.Cluster].
func (s *simulated) Observe(ctx context.Context, sink func(observed.Observation)) error {
	Observe(s.c, func(o observed.Observation) {
		if ctx.Err() == nil {
			sink(o)
		}
	})
	return nil
}

// Notes implements [scenarios.Cluster].
func (s *simulated) Notes() []string {
	notes := append([]string{"Elasticsearch 8.19.0, simulated; background load is a fluid without single operations"}, s.notes...)
	if note := es.OtherVersions(s.spec, state.Modelled.String()); note != "" {
		notes = append(notes, note)
	}
	if list := settings.Unsimulated(s.inUse); len(list) > 0 {
		notes = append(notes, "settings that are not simulated: "+strings.Join(list, ", "))
	}
	return notes
}

// Counters implements [scenarios.Cluster].
func (s *simulated) Counters() (events, traceHash uint64) { return s.e.Events(), s.e.TraceHash() }

// Close implements [scenarios.Cluster].
func (s *simulated) Close(context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.e.Close()
}
