package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// pass is one run of the allocator over a state (RoutingAllocation): the draft of its
// routing, and what the deciders know beside it.
type pass struct {
	*routing.Draft
	svc *Service
	in  Input

	disk  diskView
	tiers tierView
	// leaving: some node is to be removed.
	leaving bool
	// uneven: some decider may tell nodes apart whatever the index.
	uneven bool

	ignoredNodes map[*routing.Shard][]*routing.Node // nodes a shard is not tried on, after failures

	fetching      bool // some answers about copies on disk are awaited
	reconciling   bool
	ignoreDisable bool

	explain   bool
	decisions []Decision

	zones []zoneView // by awareness attribute; nil: not looked at yet
	// allocating and remaining are the deciders that may refuse a copy a node in this pass.
	allocating, remaining []*decider
	// allowed is what is said of each index and node that can't change, once it was asked for.
	allowed [][]Verdict
}

// newPass begins a run over a state.
func (s *Service) newPass(st *state.State, in Input) *pass { return s.newPassOver(st, in, nil) }

// newPassOver begins a run that concerns the copies of some indices only; nil: of all.
func (s *Service) newPassOver(st *state.State, in Input, only map[string]bool) *pass {
	p := &pass{svc: s, in: in, Draft: s.reader.Read(routing.Source{
		State: st, Settings: s.cfg.NodeSettings.Merged(st.Settings()), NodeOrder: in.NodeOrder,
		Sizes: func(index string, shards int) [][2]int64 { return s.sizesOf(in.Info, index, shards) },
		NewID: s.cfg.NewAllocationID, Mix: s.cfg.Mix, Only: only,
	})}
	p.readTiers()
	p.leaving = leaving(st)
	p.readDisk()
	p.readUneven()
	p.allocating, p.remaining = p.busy(refuseAllocate), p.busy(refuseRemain)
	return p
}

// close ends the run. Nothing of the pass may be used any more.
func (p *pass) close() {
	p.Draft.Close()
	*p = pass{}
}
