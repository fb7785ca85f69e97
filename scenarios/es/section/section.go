package section

import "github.com/shardquake/shardquake/internal/units"

// Index describes an index.
type Index struct {
	Name     string            `yaml:"name" json:"name" jsonschema:"required"`
	Shards   int               `yaml:"shards,omitempty" json:"shards" jsonschema:"minimum=1,description=number of primaries; default 1"`
	Replicas *int              `yaml:"replicas,omitempty" json:"replicas" jsonschema:"minimum=0,description=copies beside each primary; default 1"`
	Size     units.Size        `yaml:"size,omitempty" json:"size" jsonschema:"description=store of all primaries together"`
	Docs     int64             `yaml:"docs,omitempty" json:"docs" jsonschema:"description=documents in all primaries together; default one for each kb"`
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty"`
	// Aliases are other names that it has from the start; an alias of one index is its write
	// alias.
	Aliases []string `yaml:"aliases,omitempty" json:"aliases,omitempty" jsonschema:"description=other names; loads and rollovers may go by them; the index is where writes to them go"`
	// Closed indices are there, and nobody reads or writes them.
	Closed bool `yaml:"closed,omitempty" json:"closed,omitempty" jsonschema:"description=it is closed when the run begins"`
	// Copies says where each copy is; the cluster starts in place then.
	Copies    []Shard `yaml:"copies,omitempty" json:"copies,omitempty" jsonschema:"description=an entry for each shard: on which nodes its copies are when the run begins; such as {primary: n1, replicas: [n2, missing]}"`
	Placement []int   `yaml:"placement,omitempty" json:"placement,omitempty" jsonschema:"description=copies on n1 n2 … held there until t=0; late nodes hold 0"`
}

// Shard says where the copies of one shard are when the run begins, and what they
// hold.
type Shard struct {
	Primary  Copy       `yaml:"primary" json:"primary" jsonschema:"required,description=a node; or missing; or a mapping"`
	Replicas []Copy     `yaml:"replicas,omitempty" json:"replicas,omitempty" jsonschema:"description=as many as the index has; each a node or missing or a mapping"`
	Size     units.Size `yaml:"size,omitempty" json:"size,omitempty" jsonschema:"description=of each copy; default: an equal part of what the index has left"`
	Docs     int64      `yaml:"docs,omitempty" json:"docs,omitempty" jsonschema:"minimum=0,description=of each copy; default: one for each kb"`
}

// Copy is one copy: the name of its node, the word missing, or a mapping.
type Copy struct {
	Node  string `yaml:"node,omitempty" json:"node,omitempty" jsonschema:"description=where it is"`
	To    string `yaml:"to,omitempty" json:"to,omitempty" jsonschema:"description=the node that it is moving to"`
	State string `yaml:"state,omitempty" json:"state,omitempty" jsonschema:"enum=started,enum=initializing,enum=missing,description=default: started where it has a node; else missing"`
	// Why it is missing, or is being made.
	Why string `yaml:"why,omitempty" json:"why,omitempty" jsonschema:"enum=node-left,enum=allocation-failed,enum=index-created,enum=replica-added,description=why it is missing or being made; default node-left"`
	// Last is the node that held it: its data is there still.
	Last   string         `yaml:"last,omitempty" json:"last,omitempty" jsonschema:"description=of a missing copy: the node that had it; one that joins later brings its data"`
	Since  units.Duration `yaml:"since,omitempty" json:"since,omitempty" jsonschema:"description=for how long it has been missing; default 1h; less than node_left.delayed_timeout: it is waited for"`
	Failed int            `yaml:"failed,omitempty" json:"failed,omitempty" jsonschema:"minimum=0,description=attempts in a row that have failed; five are the most that Elasticsearch makes"`
}

// Control says which controller looks after the cluster.
type Control struct {
	Policy    string         `yaml:"policy" json:"policy" jsonschema:"required"`
	Shadow    []string       `yaml:"shadow,omitempty" json:"shadow,omitempty" jsonschema:"description=policies that are asked beside it and do nothing"`
	Interval  units.Duration `yaml:"interval,omitempty" json:"interval" jsonschema:"description=default 30s"`
	Distance  string         `yaml:"distance,omitempty" json:"distance,omitempty" jsonschema:"description=how far nodes are from each other by an attribute; such as zone(other=5)"`
	Endpoints []string       `yaml:"endpoints,omitempty" json:"endpoints,omitempty" jsonschema:"description=nodes it talks to; default all"`
	// Count is how many instances of it run: controller, controller-2, …. More than one
	// share a lease, so that one acts and the others stand by.
	Count int            `yaml:"count,omitempty" json:"count,omitempty" jsonschema:"minimum=1,maximum=9,description=instances that share a lease so that one acts; default 1"`
	Lease units.Duration `yaml:"lease,omitempty" json:"lease,omitempty" jsonschema:"description=how long the lease of the acting one holds without renewal; default 15s with more than one"`
	// Recovery adds the recovery manager, which then triggers recovery in place of the
	// replication monitor.
	Recovery bool     `yaml:"recovery,omitempty" json:"recovery,omitempty" jsonschema:"description=find out why copies are unassigned and act by the cause"`
	Approve  []string `yaml:"approve,omitempty" json:"approve,omitempty" jsonschema:"description=actions that overrule somebody or lose data and are allowed: clear-filter or allocate-stale-primary or allocate-empty-primary or restore-snapshot or raise-replicas (with :INDEX for one index) or free-disk:INDEX"`
	// Trigger is what is done where somebody has switched allocation off and copies need a
	// node, after Patience without a sign that they are at work.
	Trigger  string         `yaml:"trigger,omitempty" json:"trigger,omitempty" jsonschema:"enum=never,enum=alarm,enum=act,description=where somebody has switched allocation off and copies need a node: nothing or an alarm or switch it on after the patience; default alarm"`
	Patience units.Duration `yaml:"patience,omitempty" json:"patience,omitempty" jsonschema:"description=how long nothing must have shown anybody at work before the trigger; default 30m"`
	// Consistency has the copies compared, again and again.
	Consistency units.Duration `yaml:"consistency,omitempty" json:"consistency,omitempty" jsonschema:"description=compare the copies of all shards so often; absent: never"`
	// Tuning adapts the pace of recoveries to the load of the nodes.
	Tuning  bool     `yaml:"tuning,omitempty" json:"tuning,omitempty" jsonschema:"description=adapt the pace of recoveries to progress and load"`
	OffPeak []string `yaml:"off-peak,omitempty" json:"off_peak,omitempty" jsonschema:"description=daily windows in UTC such as 22:00-06:00 in which recoveries may use more"`
}
