package section

import "github.com/shardquake/shardquake/internal/units"

// Cluster is what is particular to a key-value cluster.
type Cluster struct {
	Shards            int            `yaml:"shards,omitempty" json:"shards" jsonschema:"minimum=1,description=at t=0; at even distances over the keys k0000 to k9999; default 4"`
	Replication       int            `yaml:"replication,omitempty" json:"replication" jsonschema:"minimum=1,description=copies of each shard; default 3"`
	ReadLevel         string         `yaml:"read-level,omitempty" json:"read_level" jsonschema:"enum=one,enum=quorum,enum=all,description=of streams that name none; default quorum"`
	WriteLevel        string         `yaml:"write-level,omitempty" json:"write_level" jsonschema:"enum=one,enum=quorum,enum=all,description=of streams that name none; default quorum"`
	Voters            int            `yaml:"voters,omitempty" json:"voters" jsonschema:"minimum=1,description=nodes of the metadata group; default 3"`
	Heartbeat         units.Duration `yaml:"heartbeat,omitempty" json:"heartbeat" jsonschema:"description=how often a node tells that it lives; default 5s"`
	FailureThreshold  int            `yaml:"failure-threshold,omitempty" json:"failure_threshold" jsonschema:"minimum=1,description=heartbeats missed in a row for a failure; default 3"`
	RecoveryThreshold int            `yaml:"recovery-threshold,omitempty" json:"recovery_threshold" jsonschema:"minimum=1,description=heartbeats heard in a row for the end of one; default 3"`
	ReplaceAfter      units.Duration `yaml:"replace-after,omitempty" json:"replace_after" jsonschema:"description=how long a node is down before its copies are made elsewhere; default 1m"`
	// Balance lets the cluster split, merge and move by what it measures.
	Balance      bool           `yaml:"balance,omitempty" json:"balance" jsonschema:"description=the cluster splits and merges and moves shards by what it measures; default: they stay as they are"`
	BalanceEvery units.Duration `yaml:"balance-every,omitempty" json:"balance_every,omitempty" jsonschema:"description=how often it looks; default 1m"`
	SplitBytes   units.Size     `yaml:"split-bytes,omitempty" json:"split_bytes,omitempty" jsonschema:"description=size at which a shard is split; default 64mb"`
	SplitQPS     int            `yaml:"split-qps,omitempty" json:"split_qps,omitempty" jsonschema:"description=operations a second at which a shard is split; default 2000"`
	MergeBytes   units.Size     `yaml:"merge-bytes,omitempty" json:"merge_bytes,omitempty" jsonschema:"description=size below which neighbours are merged; default a quarter of split-bytes"`
	MergeQPS     int            `yaml:"merge-qps,omitempty" json:"merge_qps,omitempty" jsonschema:"description=operations a second below which neighbours are merged; default a quarter of split-qps"`
	Items        int            `yaml:"items,omitempty" json:"items,omitempty" jsonschema:"minimum=0,description=keys that are there at t=0"`
	Value        units.Size     `yaml:"value,omitempty" json:"value,omitempty" jsonschema:"description=size of the value of each of them; default 100b"`
}

// Stream is the part of a stream of load that only system kv has.
type Stream struct {
	KV        string     `yaml:"kv,omitempty" json:"kv,omitempty" jsonschema:"enum=registers,enum=bank,enum=append,description=of system kv: keys that are overwritten; accounts with transfers; lists that are appended to in transactions"`
	Keys      int        `yaml:"keys,omitempty" json:"keys,omitempty" jsonschema:"minimum=0,description=registers or lists; default 8"`
	Accounts  int        `yaml:"accounts,omitempty" json:"accounts,omitempty" jsonschema:"minimum=0,description=of a bank; default 8"`
	Transfers units.Rate `yaml:"transfers,omitempty" json:"transfers,omitempty" jsonschema:"description=between accounts of a bank; its reads are audits"`
	Clients   int        `yaml:"clients,omitempty" json:"clients,omitempty" jsonschema:"minimum=0,description=that share the rates; default 4"`
	Level     string     `yaml:"level,omitempty" json:"level,omitempty" jsonschema:"enum=one,enum=quorum,enum=all,description=of writes to registers; default the cluster's write-level"`
	ReadLevel string     `yaml:"read-level,omitempty" json:"read_level,omitempty" jsonschema:"enum=one,enum=quorum,enum=all,description=of reads of registers; default the cluster's read-level"`
	Endpoint  string     `yaml:"endpoint,omitempty" json:"endpoint,omitempty" jsonschema:"description=where the clients are; a name that faults can cut off; default client"`
}

// Field is a field of a stream that only system kv has.
type Field struct {
	Name string
	Set  bool
}

// Fields are those, and whether the file has them.
func (w *Stream) Fields() []Field {
	return []Field{
		{"kv", w.KV != ""}, {"keys", w.Keys != 0}, {"accounts", w.Accounts != 0}, {"transfers", w.Transfers != 0}, {"clients", w.Clients != 0},
		{"level", w.Level != ""}, {"read-level", w.ReadLevel != ""}, {"endpoint", w.Endpoint != ""},
	}
}
