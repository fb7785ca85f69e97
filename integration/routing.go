package integration

import (
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// stateQuery asks one node for the cluster state that it has applied, whether or not it
// knows a master.
const stateQuery = "/_cluster/state/version,master_node,nodes,routing_table,metadata,blocks?local=true" +
	"&filter_path=version,master_node,nodes.*.name,routing_table,metadata.cluster_coordination.term,blocks"

// stateAnswer is the answer to stateQuery.
type stateAnswer struct {
	Version int64  `json:"version"`
	Master  string `json:"master_node"`
	Nodes   map[string]struct {
		Name string `json:"name"`
	} `json:"nodes"`
	Metadata struct {
		Coordination struct {
			Term int64 `json:"term"`
		} `json:"cluster_coordination"`
	} `json:"metadata"`
	Blocks struct {
		Global  map[string]struct{}            `json:"global"`
		Indices map[string]map[string]struct{} `json:"indices"`
	} `json:"blocks"`
	Routing struct {
		Indices map[string]struct {
			Shards map[string][]shardAnswer `json:"shards"`
		} `json:"indices"`
	} `json:"routing_table"`
}

type shardAnswer struct {
	State          string `json:"state"`
	Primary        bool   `json:"primary"`
	Node           string `json:"node"`
	RelocatingNode string `json:"relocating_node"`
	Shard          int    `json:"shard"`
	Index          string `json:"index"`
	AllocationID   struct {
		ID           string `json:"id"`
		RelocationID string `json:"relocation_id"`
	} `json:"allocation_id"`
	RecoverySource *struct {
		Type string `json:"type"`
	} `json:"recovery_source"`
	Unassigned *struct {
		Reason         string `json:"reason"`
		Delayed        bool   `json:"delayed"`
		Status         string `json:"allocation_status"`
		FailedAttempts int    `json:"failed_attempts"`
	} `json:"unassigned_info"`
}

type shardID struct {
	index string
	shard int
}

// picture is a cluster state in the terms of observations.
type picture struct {
	term, version int64
	master        string
	members       []string // sorted
	health        observed.Health
	shards        map[shardID][]observed.Copy
	// relocations are the allocation ids of relocation targets, by their sources'.
	relocations map[string]string
}

// read translates an answer. Bytes of copies are not in it.
func (a *stateAnswer) read() *picture {
	p := &picture{
		term: a.Metadata.Coordination.Term, version: a.Version, master: a.Nodes[a.Master].Name,
		shards: map[shardID][]observed.Copy{}, relocations: map[string]string{},
	}
	for _, n := range a.Nodes {
		p.members = append(p.members, n.Name)
	}
	slices.Sort(p.members)
	p.health = observed.Health{
		Status: "green", Master: p.master != "", Nodes: len(p.members), Term: p.term, Version: p.version,
	}
	for index, table := range a.Routing.Indices {
		for _, copies := range table.Shards {
			for _, s := range copies {
				p.addCopy(index, s, a)
			}
		}
	}
	for _, copies := range p.shards {
		slices.SortFunc(copies, compareCopies)
	}
	p.health.Blocks = a.blocks()
	if !p.health.Master {
		p.health.Status, p.health.Blocks = "red", "no-master"
	}
	return p
}

// blocks names the blocks in force as observations do.
func (a *stateAnswer) blocks() string {
	names := slices.Sorted(maps.Keys(a.Blocks.Global))
	for _, index := range slices.Sorted(maps.Keys(a.Blocks.Indices)) {
		for _, id := range slices.Sorted(maps.Keys(a.Blocks.Indices[index])) {
			names = append(names, index+":"+id)
		}
	}
	return strings.Join(names, " ")
}

func (p *picture) addCopy(index string, s shardAnswer, a *stateAnswer) {
	id := shardID{index, s.Shard}
	c := observed.Copy{
		Index: index, Shard: s.Shard, Primary: s.Primary, State: s.State,
		Node: a.Nodes[s.Node].Name, To: a.Nodes[s.RelocatingNode].Name, ID: s.AllocationID.ID, Bytes: -1,
	}
	if s.Unassigned != nil {
		c.Reason, c.Delayed = s.Unassigned.Reason, s.Unassigned.Delayed
	}
	if s.AllocationID.RelocationID != "" {
		p.relocations[s.AllocationID.ID] = s.AllocationID.RelocationID
	}
	p.shards[id] = append(p.shards[id], c)

	h := &p.health
	active := s.State == "STARTED" || s.State == "RELOCATING"
	switch s.State {
	case "RELOCATING":
		h.Relocating++
	case "INITIALIZING":
		h.Initializing++
	case "UNASSIGNED":
		h.Unassigned++
		if c.Delayed {
			h.Delayed++
		}
	}
	switch {
	case active:
		h.Active++
		if s.Primary {
			h.Primaries++
		}
	case s.Primary && !s.newAndHopeful():
		h.Status = "red"
	case h.Status == "green":
		h.Status = "yellow"
	}
}

// newAndHopeful is Elasticsearch's exception from red (ClusterShardHealth): a primary
// that starts without data of its own and that nothing has failed or forbidden yet
// counts as yellow.
func (s shardAnswer) newAndHopeful() bool {
	if s.Unassigned == nil || s.RecoverySource == nil {
		return false
	}
	switch s.RecoverySource.Type {
	case "EMPTY_STORE", "LOCAL_SHARDS", "SNAPSHOT":
		return s.Unassigned.Status != "deciders_no" && s.Unassigned.FailedAttempts == 0
	}
	return false
}

// compareCopies puts the primary first, then orders by node and allocation id.
func compareCopies(a, b observed.Copy) int {
	switch {
	case a.Primary != b.Primary:
		if a.Primary {
			return -1
		}
		return 1
	case a.Node != b.Node:
		if a.Node < b.Node {
			return -1
		}
		return 1
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// newer reports whether p is a later state than other.
func (p *picture) newer(other *picture) bool {
	if other == nil {
		return true
	}
	return p.term > other.term || p.term == other.term && p.version > other.version
}

// changedShards are all copies of the shards in which now differs from before, in order,
// with the sizes known.
func changedShards(before, now map[shardID][]observed.Copy) []observed.Copy {
	var ids []shardID
	for id, copies := range now {
		if !slices.Equal(before[id], copies) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b shardID) int {
		if a.index != b.index {
			if a.index < b.index {
				return -1
			}
			return 1
		}
		return a.shard - b.shard
	})
	var out []observed.Copy
	for _, id := range ids {
		out = append(out, now[id]...)
	}
	return out
}
