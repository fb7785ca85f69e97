package scenarios

import (
	"fmt"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	es "github.com/shardquake/shardquake/scenarios/es/section"
	kv "github.com/shardquake/shardquake/scenarios/kv/section"
)

// FileFormat is the version of the scenario file format. Keys are added without changing
// it; a key that changes its meaning or goes away changes it, and files of earlier formats
// still load.
const FileFormat = 1

// Scenario is a scenario file after reading. Times are since t=0, the moment the
// steady state first holds.
type Scenario struct {
	// Format is the version of the file format that the file was written in.
	Format     int             `yaml:"format,omitempty" json:"-" jsonschema:"minimum=1,description=the version of this file format; default 1"`
	Name       string          `yaml:"name" json:"name" jsonschema:"required,description=a short name in lower case with dashes"`
	About      string          `yaml:"about" json:"about" jsonschema:"required,description=what the scenario shows in a sentence"`
	System     string          `yaml:"system" json:"system" jsonschema:"required,enum=elasticsearch,enum=kv"`
	Seed       uint64          `yaml:"seed,omitempty" json:"seed" jsonschema:"description=of every random stream; default 1"`
	Cluster    ClusterSection  `yaml:"cluster" json:"cluster" jsonschema:"required"`
	Workload   []LoadSection   `yaml:"workload,omitempty" json:"workload,omitempty"`
	Client     *ClientSection  `yaml:"client,omitempty" json:"client,omitempty" jsonschema:"description=how the clients behave that write and read"`
	Controller *ControlSection `yaml:"controller,omitempty" json:"controller,omitempty"`
	Faults     []chaos.Entry   `yaml:"faults,omitempty" json:"faults,omitempty"`
	Expect     []Expect        `yaml:"expect" json:"-" jsonschema:"required"`
	// Objectives are what must hold whatever is lost; they are tried by a plan, not by a run.
	Objectives *ObjectivesSection `yaml:"objectives,omitempty" json:"-" jsonschema:"description=what must hold whatever is lost; for shardquake plan"`
	// Growth is how the data grows; for a plan.
	Growth *GrowthSection `yaml:"growth,omitempty" json:"-" jsonschema:"description=how the data grows: 3%/week or more in detail; for shardquake plan"`
	// Explore bounds random plans of faults; nil: what suits the cluster.
	Explore *ExploreSection `yaml:"explore,omitempty" json:"-" jsonschema:"description=the budget of the random plans that shardquake explore tries; and what must hold in each"`
	// Gameday makes a run on real nodes one that people follow.
	Gameday *GamedaySection `yaml:"gameday,omitempty" json:"-" jsonschema:"description=the hypothesis and the steps and the guardrails of shardquake gameday"`
	// Tolerance is, by quantity, by how much it may differ between two runs that count as alike.
	Tolerance map[string]units.Tolerance `yaml:"tolerance,omitempty" json:"-" jsonschema:"description=differences of quantities that are too small to matter when runs are compared; such as time to green: 5%"`
	// Vary is what each seed draws anew.
	Vary     Varied         `yaml:"vary,omitempty" json:"-" jsonschema:"description=values that each seed draws: a path as --set has it and a range such as 2m..8m or a list"`
	Duration units.Duration `yaml:"duration" json:"duration" jsonschema:"required,description=from t=0 to the end of faults and load"`
	Settle   units.Duration `yaml:"settle,omitempty" json:"settle" jsonschema:"description=how long to wait for the steady state after the end; default 1m; 0s: not at all"`
	Steady   units.Duration `yaml:"steady-within,omitempty" json:"steady_within" jsonschema:"description=how long to wait for the first steady state; default 3m and a second for every ten copies"`
	// Rest is the steady state in which the run begins; nil: green with nothing moving.
	Rest *RestSection `yaml:"steady,omitempty" json:"steady,omitempty" jsonschema:"description=the state in which the run begins: {status: yellow, unassigned: 3}; or none: as it is when the data is loaded; default green with nothing moving"`
	// WallClock is what the nodes' clocks show when the cluster starts; "": the simulator's own fixed
	// time, so that runs repeat.
	WallClock string       `yaml:"wall-clock,omitempty" json:"wall_clock,omitempty" jsonschema:"format=date-time,description=what the clocks of simulated nodes show when they start; such as 2026-01-31T08:00:00Z; default always the same time"`
	Real      *RealSection `yaml:"real,omitempty" json:"real,omitempty"`

	system System // the one that System names
}

// ClusterSection describes nodes, indices and settings.
type ClusterSection struct {
	// From takes the nodes and the indices with every copy from a file that
	// `shardquake import` has written.
	From string `yaml:"from,omitempty" json:"from,omitempty" jsonschema:"description=file that shardquake import has written; relative to this one; what stands beside it counts more"`
	// Start is whether a simulated cluster is there at once or forms and is loaded first.
	Start    string            `yaml:"start,omitempty" json:"start,omitempty" jsonschema:"enum=formed,enum=cold,description=of a simulated Elasticsearch cluster: formed (long ago; it is there at once) or cold (it forms and is loaded before t=0 as real nodes are); default formed unless it matters how it forms"`
	Nodes    NodesSection      `yaml:"nodes,omitempty" json:"nodes" jsonschema:"description=needed unless the cluster comes from a file"`
	KV       *kv.Cluster       `yaml:"kv,omitempty" json:"kv,omitempty" jsonschema:"description=what is particular to a cluster of system kv"`
	Indices  []IndexSection    `yaml:"indices,omitempty" json:"indices,omitempty"`
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" jsonschema:"description=Elasticsearch settings by their full names; index.* apply to every index"`
	// Distribution is which one the nodes run.
	Distribution string `yaml:"distribution,omitempty" json:"distribution,omitempty" jsonschema:"enum=default,enum=minimal,description=of Elasticsearch: default (what people run; data tiers decide where indices lie) or minimal (the server without x-pack); default when left out"`

	imported *imported // what From holds; nil: the cluster is described here
	reduced  *imported // what From holds of a cluster that was reduced for real nodes
}

// How a simulated cluster starts.
const (
	StartFormed = "formed"
	StartCold   = "cold"
)

// What files say of Elasticsearch clusters alone.
type (
	IndexSection   = es.Index
	ShardSection   = es.Shard
	CopySection    = es.Copy
	ControlSection = es.Control
)

// LoadSection is a stream of operations on an index.
type LoadSection struct {
	Index     string `yaml:"index,omitempty" json:"index,omitempty" jsonschema:"description=of system elasticsearch: where to"`
	kv.Stream `yaml:",inline"`

	Writes units.Rate `yaml:"writes,omitempty" json:"writes" jsonschema:"description=such as 500/s"`
	Reads  units.Rate `yaml:"reads,omitempty" json:"reads"`
	Doc    units.Size `yaml:"doc,omitempty" json:"doc" jsonschema:"description=size of a document; default 1kb"`
	Skew   units.Skew `yaml:"skew,omitempty" json:"skew" jsonschema:"description=even or zipf(1.1) over the shards"`
	// ByHour is the part of the rates that there is in each hour from t=0 on, round and round.
	ByHour []units.Percent `yaml:"by-hour,omitempty" json:"by_hour,omitempty" jsonschema:"description=part of the rates in each hour from t=0 on; after the last the first again; 24 for a day; such as [20%, 100%]"`
	// From is when the stream begins.
	From units.Duration `yaml:"from,omitempty" json:"from,omitempty" jsonschema:"description=when it begins after t=0; absent: at t=0"`
	// Tracers are single documents written beside the bulk, each acknowledgement
	// remembered and checked at the end.
	Tracers *units.Rate `yaml:"tracers,omitempty" json:"tracers" jsonschema:"description=documents whose fate is followed one by one; default 10/s where there are writes"`
}

// ControllerNames are the endpoints of the controller's instances.
func (s *Scenario) ControllerNames() []string {
	if s.Controller == nil {
		return nil
	}
	names := []string{ViewerController}
	for i := 2; i <= s.Controller.Count; i++ {
		names = append(names, fmt.Sprintf("%s-%d", ViewerController, i))
	}
	return names
}

// RealSection scales what real nodes on a small machine can't bear.
type RealSection struct {
	Bytes units.Fraction `yaml:"bytes,omitempty" json:"bytes" jsonschema:"description=of index sizes, such as 1/1000"`
	Load  units.Fraction `yaml:"load,omitempty" json:"load" jsonschema:"description=of the workload's rates"`
	Time  units.Fraction `yaml:"time,omitempty" json:"time" jsonschema:"description=of the duration and of the times at which faults strike and expectations look; limits (within:) stay as they are"`
	Disk  units.Size     `yaml:"disk,omitempty" json:"disk" jsonschema:"description=size of each node's disk instead"`
}

// Scale is how a scenario is brought to a backend.
type Scale string

// The scales of a run.
const (
	// AsDescribed takes every number of the file as it stands.
	AsDescribed Scale = "described"
	// AsReal applies the file's real: section, on whatever backend.
	AsReal Scale = "real"
)

// Scaled returns the scenario with its real: section applied, and a note for each
// number changed.
func (s *Scenario) Scaled(scale Scale) (*Scenario, []string) {
	out := *s
	if scale != AsReal {
		return &out, nil
	}
	if out.Cluster.Start == "" {
		out.Cluster.Start = StartCold // as real nodes do
	}
	var notes []string
	if r, ok := s.system.(Reducer); ok && s.Imported() != nil {
		from := s.Cluster.imported
		out.Cluster, notes = r.Reduce(&out)
		out.Cluster.reduced = from
	}
	if s.Real == nil {
		return &out, notes
	}
	r := s.Real
	if r.Bytes.Den > 1 && s.Imported() == nil {
		notes = append(notes, "index sizes and documents are "+r.Bytes.String()+" of those described")
		out.Cluster.Indices = append([]IndexSection(nil), s.Cluster.Indices...)
		for i := range out.Cluster.Indices {
			ix := &out.Cluster.Indices[i]
			ix.Size = units.Size(r.Bytes.Of(int64(ix.Size)))
			ix.Docs = max(1, r.Bytes.Of(ix.Docs))
		}
	}
	if r.Load.Den > 1 {
		notes = append(notes, "the workload is "+r.Load.String()+" of that described")
		out.Workload = append([]LoadSection(nil), s.Workload...)
		for i := range out.Workload {
			w := &out.Workload[i]
			w.Writes = w.Writes * units.Rate(r.Load.Num) / units.Rate(r.Load.Den)
			w.Reads = w.Reads * units.Rate(r.Load.Num) / units.Rate(r.Load.Den)
			w.Transfers = w.Transfers * units.Rate(r.Load.Num) / units.Rate(r.Load.Den)
		}
	}
	if r.Time.Den > 1 {
		notes = append(notes, "duration, times of faults and moments of expectations are "+r.Time.String()+" of those described")
		out.Duration = units.Duration(r.Time.Of(int64(s.Duration)))
		out.Workload = append([]LoadSection(nil), out.Workload...)
		for i := range out.Workload {
			out.Workload[i].From = units.Duration(r.Time.Of(int64(out.Workload[i].From)))
		}
		out.Faults = append([]chaos.Entry(nil), s.Faults...)
		for i := range out.Faults {
			out.Faults[i].At = units.Duration(r.Time.Of(int64(s.Faults[i].At)))
		}
		out.Expect = append([]Expect(nil), s.Expect...)
		for i, e := range out.Expect {
			if m, ok := e.Expectation.(Momentous); ok {
				out.Expect[i].Expectation = m.Scaled(r.Time)
			}
		}
	}
	if r.Disk > 0 {
		notes = append(notes, "disks are "+r.Disk.String()+" instead of "+out.Cluster.Nodes.Disks())
		out.Cluster.Nodes = out.Cluster.Nodes.withDisk(r.Disk)
	}
	return &out, notes
}
