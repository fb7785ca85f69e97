package importer

import (
	"maps"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// stateDoc is what is kept of _cluster/state.
type stateDoc struct {
	cluster, uuid, master string
	version               integer
	term                  integer
	committed, accepted   []string
	exclusions            []string
	members               []string // node ids, in order
	indices               map[string]*indexDoc
	order                 []string // of the routing table, else of the metadata
	routing               map[string]map[int][]copyDoc
	routed                bool // there was a routing table
	described             bool // there was metadata of indices
	persistent, transient flat
}

// indexDoc is an index's metadata.
type indexDoc struct {
	Version   integer            `json:"version"`
	State     string             `json:"state"`
	Settings  flat               `json:"settings"`
	Aliases   names              `json:"aliases"`
	Terms     map[string]integer `json:"primary_terms"`
	InSync    map[string]names   `json:"in_sync_allocations"`
	System    truth              `json:"system"`
	WriteLoad real               `json:"write_load_forecast"`
	ShardSize integer            `json:"shard_size_forecast"`
	ILM       struct {
		Phase text `json:"phase"`
	} `json:"ilm"`
}

// copyDoc is a copy in the routing table.
type copyDoc struct {
	State          string         `json:"state"`
	Primary        truth          `json:"primary"`
	Node           text           `json:"node"`
	RelocatingNode text           `json:"relocating_node"`
	Shard          integer        `json:"shard"`
	Source         sourceDoc      `json:"recovery_source"`
	Allocation     allocationDoc  `json:"allocation_id"`
	Unassigned     *unassignedDoc `json:"unassigned_info"`
	Relocation     failuresDoc    `json:"relocation_failure_info"`
}

type (
	sourceDoc struct {
		Type text `json:"type"`
	}
	failuresDoc struct {
		Attempts integer `json:"failed_attempts"`
	}
	allocationDoc struct {
		ID         text `json:"id"`
		Relocation text `json:"relocation_id"`
	}
	unassignedDoc struct {
		Reason      text    `json:"reason"`
		At          text    `json:"at"`
		Delayed     truth   `json:"delayed"`
		Failed      integer `json:"failed_attempts"`
		FailedNodes names   `json:"failed_nodes"`
		Details     text    `json:"details"`
		Status      text    `json:"allocation_status"`
	}
)

// readState streams a cluster state.
func readState(s stream, snap *snapshot) error {
	st := &stateDoc{indices: map[string]*indexDoc{}, routing: map[string]map[int][]copyDoc{}}
	snap.state = st
	err := s.object(func(key string) error {
		switch key {
		case "cluster_name":
			return s.into((*text)(&st.cluster))
		case "cluster_uuid":
			return s.into((*text)(&st.uuid))
		case "master_node", "cluster_manager_node":
			return s.into((*text)(&st.master))
		case "version":
			return s.into(&st.version)
		case "nodes":
			return st.readNodes(s, snap)
		case "metadata":
			return st.readMetadata(s, snap)
		case "routing_table":
			return s.object(func(key string) error {
				if key != "indices" {
					return s.SkipValue()
				}
				return st.readRouting(s)
			})
		}
		return s.SkipValue()
	})
	snap.cluster, snap.uuid = st.cluster, st.uuid
	return err
}

func (st *stateDoc) readNodes(s stream, snap *snapshot) error {
	return s.object(func(id string) error {
		var n nodeFields
		if err := s.into(&n); err != nil {
			return err
		}
		st.members = append(st.members, id)
		snap.node(id).merge(n)
		return nil
	})
}

func (st *stateDoc) readMetadata(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		switch key {
		case "cluster_coordination":
			var c struct {
				Term       integer `json:"term"`
				Committed  names   `json:"last_committed_config"`
				Accepted   names   `json:"last_accepted_config"`
				Exclusions []struct {
					ID text `json:"node_id"`
				} `json:"voting_config_exclusions"`
			}
			if err := s.into(&c); err != nil {
				return err
			}
			st.term, st.committed, st.accepted = c.Term, c.Committed, c.Accepted
			for _, x := range c.Exclusions {
				st.exclusions = append(st.exclusions, string(x.ID))
			}
			return nil
		case "settings", "persistent_settings":
			return s.into(&st.persistent)
		case "transient_settings":
			return s.into(&st.transient)
		case "indices":
			st.described = true
			return s.object(func(name string) error {
				ix := &indexDoc{}
				if err := s.into(ix); err != nil {
					return err
				}
				if st.indices[name] == nil && !st.routed {
					st.order = append(st.order, name)
				}
				st.indices[name] = ix
				return nil
			})
		case "data_stream":
			return s.object(func(key string) error {
				if key != "data_stream" {
					return s.SkipValue()
				}
				return readStreamMap(s, snap)
			})
		case "index_lifecycle":
			return s.object(func(key string) error {
				if key != "policies" {
					return s.SkipValue()
				}
				return readPolicies(s, snap)
			})
		}
		return s.SkipValue()
	})
}

func (st *stateDoc) readRouting(s stream) error {
	st.routed, st.order = true, nil
	return s.object(func(index string) error {
		if st.routing[index] == nil {
			st.order = append(st.order, index)
		}
		shards := map[int][]copyDoc{}
		st.routing[index] = shards
		return s.object(func(key string) error {
			if key != "shards" {
				return s.SkipValue()
			}
			return s.object(func(num string) error {
				n, err := strconv.Atoi(num)
				if err != nil || n < 0 || n >= 1024 {
					return problemf("[%s] has a shard %q", clip(index), clip(num))
				}
				var copies []copyDoc
				if err := s.into(&copies); err != nil {
					return err
				}
				shards[n] = copies
				return nil
			})
		})
	})
}

// readStreamMap reads the data streams of a state.
func readStreamMap(s stream, snap *snapshot) error {
	return s.object(func(name string) error {
		var d struct {
			Indices []struct {
				Name text `json:"index_name"`
			} `json:"indices"`
		}
		if err := s.into(&d); err != nil {
			return err
		}
		out := clusterfile.DataStream{Name: name}
		for _, ix := range d.Indices {
			out.Indices = append(out.Indices, string(ix.Name))
		}
		snap.streams = append(snap.streams, out)
		return nil
	})
}

// readPolicies reads ILM policies, as the API gives them and as they stand in a state.
func readPolicies(s stream, snap *snapshot) error {
	type phaseDoc struct {
		MinAge  text            `json:"min_age"`
		Actions map[string]skip `json:"actions"`
	}
	type policyDoc struct {
		Phases map[string]phaseDoc `json:"phases"`
	}
	return s.object(func(name string) error {
		var d struct {
			policyDoc
			Policy *struct {
				policyDoc
				Policy *policyDoc `json:"policy"`
			} `json:"policy"`
		}
		if err := s.into(&d); err != nil {
			return err
		}
		phases := d.Phases
		if d.Policy != nil {
			phases = d.Policy.Phases
			if d.Policy.Policy != nil {
				phases = d.Policy.Policy.Phases
			}
		}
		p := clusterfile.Policy{Name: name}
		for _, key := range slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(phases))), byPhase) {
			p.Phases = append(p.Phases, clusterfile.Phase{
				Name: key, MinAge: string(phases[key].MinAge), Actions: slices.Sorted(maps.Keys(phases[key].Actions)),
			})
		}
		snap.policies = append(snap.policies, p)
		return nil
	})
}

// skip is a value that is of no interest.
type skip struct{}

// UnmarshalJSON implements [json.Unmarshaler].
func (*skip) UnmarshalJSON([]byte) error { return nil }

// byPhase orders phases as an index passes them.
func byPhase(a, b string) int {
	order := []string{"hot", "warm", "cold", "frozen", "delete"}
	if i, j := slices.Index(order, a), slices.Index(order, b); i != j {
		return i - j
	}
	return 0
}
