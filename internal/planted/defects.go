package planted

// Defect is something wrong that can be planted.
type Defect string

// Room is the part of the house that a defect is planted into.
type Room string

// The rooms.
const (
	Model      Room = "model"
	Controller Room = "controller"
)

// Description is a defect as the documentation tells of it.
type Description struct {
	Defect
	Room Room
	// Scenario is the one in which plans show it: the base of a file's name.
	Scenario string
	// About says what is wrong, and Stands what it stands for: a mechanism, or a bug that
	// existed.
	About, Stands string
}

// Of the model.
const (
	AckBeforeReplication  Defect = "ack-before-replication"
	FailedCopyStaysInSync Defect = "failed-copy-stays-in-sync"
	StaleCopyAllocated    Defect = "stale-copy-allocated"
	TermIgnored           Defect = "term-ignored"
	MastersWordIgnored    Defect = "masters-word-ignored"
	InSyncTooEarly        Defect = "in-sync-too-early"
	NoResync              Defect = "no-resync"
	HandOffUnblocked      Defect = "hand-off-unblocked"
	VoteTwice             Defect = "vote-twice"
	MinorityElects        Defect = "minority-elects"
	MinorityCommits       Defect = "minority-commits"
	StaleMaster           Defect = "stale-master"
	DelayedTimerLost      Defect = "delayed-timer-lost"
	DeadNodeKept          Defect = "dead-node-kept"
	LowWatermarkIgnored   Defect = "low-watermark-ignored"
	FloodBlockStays       Defect = "flood-block-stays"
	SameNodeAllowed       Defect = "same-node-allowed"
	RecoveryNotRetried    Defect = "recovery-not-retried"
	ThrottleIgnored       Defect = "throttle-ignored"
	LeasesLost            Defect = "retention-leases-lost"
	NeverConverges        Defect = "desired-balance-never-converges"
)

// Of the controller.
const (
	ActsWithoutLease   Defect = "acts-without-lease"
	SettingNotPutBack  Defect = "setting-not-put-back"
	Thrashes           Defect = "thrashes"
	WrongFilterCleared Defect = "wrong-filter-cleared"
	FloodBlockLifted   Defect = "flood-block-lifted-in-the-flood"
	MemoryLost         Defect = "memory-lost-at-take-over"
	LeaseNotRenewed    Defect = "lease-not-renewed"
	ActsUnasked        Defect = "acts-unasked"
)

// All are the defects there are.
func All() []Description {
	return append(ofTheModel(), ofTheController()...)
}

func ofTheModel() []Description {
	const (
		writes  = "writes"
		disks   = "disks"
		masters = "masters"
		moves   = "moves"
		small   = "small"
		triples = "triples"
		returns = "returns"
	)
	return []Description{
		{AckBeforeReplication, Model, writes, "a write is acknowledged before other copies have it", "the order of replication and acknowledgement"},
		{FailedCopyStaysInSync, Model, writes, "a copy that missed a write is not failed before that is acknowledged", "loss of documents during network partitions, of before 5.0"},
		{MastersWordIgnored, Model, writes, "a primary acknowledges though the master says that its term is over", "loss of documents during network partitions, of before 5.0"},
		{StaleCopyAllocated, Model, writes, "after a restart any copy becomes the primary", "stale shards promoted to primary, of before 5.0"},
		{TermIgnored, Model, writes, "a copy takes writes of a primary whose term is over", "primary terms"},
		{InSyncTooEarly, Model, writes, "a copy counts as in-sync before it has what was written during its recovery", "the finalization of a peer recovery"},
		{NoResync, Model, triples, "a promoted primary does not bring the other copies in line", "replicas out of sync after a promotion, of before 6.0"},
		{HandOffUnblocked, Model, moves, "a primary is handed over while writes are under way", "unsafe relocations of primaries, of before 5.0"},
		{VoteTwice, Model, masters, "a node votes twice in a term", "one vote in a term"},
		{MinorityElects, Model, writes, "a minority elects a master", "split brain with too low minimum_master_nodes, of before 7.0"},
		{MinorityCommits, Model, masters, "a state is committed by a minority", "two-phase publication, of before 5.0"},
		{StaleMaster, Model, masters, "a node with an old state is elected", "updates of the cluster state lost in repeated partitions, of before 7.0"},
		{DelayedTimerLost, Model, writes, "nobody comes back to copies whose allocation was delayed", "the timer of delayed allocation"},
		{DeadNodeKept, Model, writes, "a node that does not answer stays in the cluster", "checks of followers"},
		{SameNodeAllowed, Model, "squeezed", "two copies may lie on one node", "the same-shard decider"},
		{RecoveryNotRetried, Model, "broken-off", "a recovery whose connection broke is never tried again", "retries of recoveries"},
		{LowWatermarkIgnored, Model, small, "copies come onto disks above the low watermark", "the low watermark"},
		{FloodBlockStays, Model, disks, "the flood block stays when there is room again", "a block that people had to lift, of before 7.4"},
		{LeasesLost, Model, "handed", "a primary that moves leaves the retention leases behind", "leases that go with the hand-off of a primary"},
		{NeverConverges, Model, writes, "while copies wait for a node that left, each computation of the desired balance is given up for a newer one", "computations that newer input interrupted again and again"},
		{ThrottleIgnored, Model, returns, "recoveries are not limited in number", "the throttling decider"},
	}
}

func ofTheController() []Description {
	return []Description{
		{ActsWithoutLease, Controller, "lease", "a controller goes on without its lease", "fencing"},
		{MemoryLost, Controller, "tuned", "a successor does not learn what settings were before", "the memory that goes with the lease"},
		{SettingNotPutBack, Controller, "tuned", "a setting that was changed for a while is not put back", "the ledger of settings"},
		{Thrashes, Controller, "relieved", "shards leave a full disk while the balancer may send others back", "holding the balancer"},
		{LeaseNotRenewed, Controller, "lease", "the lease is taken and never renewed", "renewal in good time"},
		{ActsUnasked, Controller, "unasked", "what needs somebody's approval is done without", "approval of what overrules people"},
		{WrongFilterCleared, Controller, "filtered", "the operator's filter is cleared in place of the one in the way", "one cause, one cure"},
		{FloodBlockLifted, Controller, "flooded", "the flood block is lifted in the flood", "waiting for the cause to be gone"},
	}
}
