package clusterfile

import "maps"

// Schema is the version of the schema that this package writes; it reads no other.
const Schema = 1

// Cluster is one cluster at one moment.
type Cluster struct {
	Schema int    `json:"schema"`
	System string `json:"system"` // elasticsearch
	Name   string `json:"name"`
	UUID   string `json:"uuid,omitempty"`
	// At is when it was so: milliseconds since 1970.
	At      Number  `json:"at,omitzero"`
	Version Version `json:"version"`
	// Sources are what was read, in the order in which newer overrules older.
	Sources []Source `json:"sources,omitempty"`
	// Anonymized says that names were replaced.
	Anonymized bool `json:"anonymized,omitempty"`
	// Kept lists what of the cluster stands in this file, for who has to decide whether it
	// may be given away.
	Kept []string `json:"kept,omitempty"`

	// Assumptions, Contradictions and Unmodelled say in words what is not certain, what
	// sources disagreed about and what the simulator will not do, what matters most first.
	Assumptions    []Assumption `json:"assumptions,omitempty"`
	Contradictions []string     `json:"contradictions,omitempty"`
	Unmodelled     []string     `json:"unmodelled,omitempty"`

	Coordination Coordination `json:"coordination"`
	Persistent   Settings     `json:"persistent,omitempty"`
	Transient    Settings     `json:"transient,omitempty"`
	Nodes        []Node       `json:"nodes"`
	// Indices stand in the order of the sources, which of an Elasticsearch is random.
	Indices      []Index      `json:"indices"`
	DataStreams  []DataStream `json:"data_streams,omitempty"`
	ILM          []Policy     `json:"ilm_policies,omitempty"`
	Calibration  Calibration  `json:"calibration,omitzero"`
	DesiredStats *Desired     `json:"desired_balance,omitempty"`
	// MasterInfo says that the known_ numbers are what the master had heard of sizes and
	// disks: it asks every half minute, and decides by what it heard last. What has none was
	// not heard of.
	MasterInfo bool `json:"master_info,omitempty"`
}

// Settings are flat keys with their values as text.
type Settings map[string]string

// With are the settings with others, which count more.
func (s Settings) With(others map[string]string) Settings {
	if len(others) == 0 {
		return maps.Clone(s)
	}
	out := make(Settings, len(s)+len(others))
	maps.Copy(out, s)
	maps.Copy(out, others)
	return out
}

// Version is what the nodes run.
type Version struct {
	Number       string `json:"number,omitempty"`
	Distribution string `json:"distribution,omitempty"` // elasticsearch, opensearch
	// Modelled is true of the one release whose decisions are reproduced.
	Modelled bool `json:"modelled"`
	// Differences from it that matter here.
	Differences []string `json:"differences,omitempty"`
}

// Source is something that was read.
type Source struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// At is when it was made, as far as it or its archive says; milliseconds since 1970.
	At int64 `json:"at,omitempty"`
	// Problem is why it could not be used, or not all of it.
	Problem string `json:"problem,omitempty"`
}

// Assumption is a number that nobody told, or a choice that was made.
type Assumption struct {
	About string `json:"about"`
	Took  string `json:"took"`
	Why   string `json:"why"`
	// Matters is what hangs on it.
	Matters string `json:"matters"`
	// Weight orders assumptions: what matters most has the highest.
	Weight int `json:"weight"`
}

// Coordination is what elections live on. Nodes are named; a voter that is no member has
// its id.
type Coordination struct {
	StateVersion Number   `json:"state_version,omitzero"`
	Term         Number   `json:"term,omitzero"`
	Master       string   `json:"master,omitempty"`
	Committed    []string `json:"last_committed,omitempty"`
	Accepted     []string `json:"last_accepted,omitempty"`
	Exclusions   []string `json:"exclusions,omitempty"`
}

// Node is a member of the cluster.
type Node struct {
	Name       string            `json:"name"`
	ID         string            `json:"id,omitempty"`
	Host       string            `json:"host,omitempty"`
	Address    string            `json:"address,omitempty"`
	Version    string            `json:"version,omitempty"`
	Roles      []string          `json:"roles"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Disk       Disk              `json:"disk"`
	HeapMax    Number            `json:"heap_max,omitzero"`
	HeapUsed   Number            `json:"heap_used,omitzero"`
	Memory     Number            `json:"memory,omitzero"`
	Processors Number            `json:"processors,omitzero"`
	// Settings are those of its file that the model knows.
	Settings Settings `json:"settings,omitempty"`
	// Shutdown is a registered shutdown: restart, remove, replace, sigterm.
	Shutdown string `json:"shutdown,omitempty"`
}

// Disk is a node's data path, in bytes.
type Disk struct {
	Total     Number `json:"total,omitzero"`
	Available Number `json:"available,omitzero"`
	ByCopies  Number `json:"by_copies,omitzero"`
	ByOthers  Number `json:"by_others,omitzero"`
	// What the master had heard last.
	KnownTotal     Number `json:"known_total,omitzero"`
	KnownAvailable Number `json:"known_available,omitzero"`
}

// Index is an index with its copies.
type Index struct {
	Name         string   `json:"name"`
	UUID         string   `json:"uuid,omitempty"`
	Created      Number   `json:"created,omitzero"` // milliseconds since 1970
	Closed       bool     `json:"closed,omitempty"`
	System       bool     `json:"system,omitempty"`
	ShardCount   int      `json:"number_of_shards"`
	Replicas     int      `json:"number_of_replicas"`
	Settings     Settings `json:"settings,omitempty"`
	Aliases      []string `json:"aliases,omitempty"`
	DataStream   string   `json:"data_stream,omitempty"`
	Policy       string   `json:"ilm_policy,omitempty"`
	Phase        string   `json:"ilm_phase,omitempty"`
	Version      int64    `json:"version,omitempty"`
	ForecastLoad Float    `json:"forecast_write_load,omitzero"`
	ForecastSize Number   `json:"forecast_shard_bytes,omitzero"`
	Shards       []Shard  `json:"shards"`
}

// Shard is a shard's copies, in the order of the routing table.
type Shard struct {
	PrimaryTerm int64    `json:"primary_term,omitempty"`
	InSync      []string `json:"in_sync,omitempty"` // allocation ids
	Copies      []Copy   `json:"copies"`
	// Desired are the nodes where the cluster's own desired balance wants copies.
	Desired []string `json:"desired,omitempty"`
	// Sizes that the master had heard of last: it knows them by role, not by copy.
	KnownPrimary Number `json:"known_primary,omitzero"`
	KnownReplica Number `json:"known_replica,omitzero"`
}

// Copy is one copy of a shard.
type Copy struct {
	Primary bool   `json:"primary,omitempty"`
	State   string `json:"state"` // STARTED, RELOCATING, INITIALIZING, UNASSIGNED
	Node    string `json:"node,omitempty"`
	// To is where a relocating copy goes.
	To       string `json:"to,omitempty"`
	ID       string `json:"id,omitempty"`    // allocation id
	TargetID string `json:"to_id,omitempty"` // of the relocation's target
	// Recovery is where an initializing or unassigned copy gets its data.
	Recovery   string      `json:"recovery,omitempty"`
	Bytes      Number      `json:"bytes,omitzero"`
	Docs       Number      `json:"docs,omitzero"`
	Sequence   *Sequence   `json:"seq_no,omitempty"`
	Unassigned *Unassigned `json:"unassigned,omitempty"`
	// RelocationFailures counts failed relocations in a row.
	RelocationFailures int `json:"relocation_failures,omitempty"`
	// Writes and Reads per second, and how they are known.
	Writes Float `json:"writes,omitzero"`
	Reads  Float `json:"reads,omitzero"`
}

// Sequence is how far a copy's operations have come.
type Sequence struct {
	Max    int64 `json:"max"`
	Local  int64 `json:"local"`
	Global int64 `json:"global"`
}

// Unassigned is why and since when a copy has no node, or had none before it initialized.
type Unassigned struct {
	Reason      string   `json:"reason"`
	At          Number   `json:"at,omitzero"` // milliseconds since 1970
	Delayed     bool     `json:"delayed,omitempty"`
	Failed      int      `json:"failed_attempts,omitempty"`
	FailedNodes []string `json:"failed_nodes,omitempty"`
	LastNode    string   `json:"last_node,omitempty"`
	Status      string   `json:"status,omitempty"`
	Details     string   `json:"details,omitempty"`
}

// DataStream is a data stream with its backing indices, oldest first.
type DataStream struct {
	Name    string   `json:"name"`
	Indices []string `json:"indices"`
	Policy  string   `json:"ilm_policy,omitempty"`
}

// Policy is an index lifecycle policy: its phases and what they do, by name.
type Policy struct {
	Name   string  `json:"name"`
	Phases []Phase `json:"phases"`
}

// Phase is one phase of a policy.
type Phase struct {
	Name    string   `json:"name"`
	MinAge  string   `json:"min_age,omitempty"`
	Actions []string `json:"actions,omitempty"`
}

// Calibration is what the cluster shows of its own speed.
type Calibration struct {
	// RecoveryBytesPerSec is the median of finished recoveries by files, of Recoveries.
	RecoveryBytesPerSec Number `json:"recovery_bytes_per_s,omitzero"`
	Recoveries          int    `json:"recoveries,omitempty"`
}

// IsZero lets `omitzero` leave it out.
func (c Calibration) IsZero() bool { return c == Calibration{} }

// Desired is what the cluster says of its desired balance as a whole.
type Desired struct {
	Unassigned Number `json:"unassigned,omitzero"`
	Undesired  Number `json:"undesired,omitzero"`
}
