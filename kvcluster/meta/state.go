package meta

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// MaxHistory is how many failovers are remembered.
const MaxHistory = 256

// Errors of commands, wrapped with the particulars.
var (
	ErrUnknownNode = errors.New("unknown node")
	ErrRemoved     = errors.New("the node was removed; with an empty disk it can come back as another one")
	ErrInUse       = errors.New("the node is still in use")
	ErrStale       = errors.New("the shard has changed meanwhile")
	ErrName        = errors.New("bad name")
	ErrCommand     = errors.New("no such command")
)

// State is the metadata. It is a value: commands make another one.
type State struct {
	s wire.ClusterState // without shards: they are in m
	m *shardmap.Map
}

// First is the state of a new cluster of one node, with one shard that covers
// everything.
func First(cluster uint64, node wire.Member, settings wire.Settings) (State, error) {
	settings = WithDefaults(settings)
	if err := ValidateSettings(&settings); err != nil {
		return State{}, err
	}
	if err := CheckName(node.Name); err != nil {
		return State{}, err
	}
	node.ID, node.Number, node.Role = shardmap.NodeID(node.Name), 1, wire.Voter
	m, err := shardmap.New("s1", []shardmap.NodeID{node.ID})
	if err != nil {
		return State{}, err
	}
	return State{m: m, s: wire.ClusterState{Cluster: cluster, Revision: 1, NextNumber: 2, Members: []wire.Member{node}, Settings: settings}}, nil
}

// FromWire is the state that a message or snapshot carries. It returns an error if the
// map breaks an invariant.
func FromWire(w *wire.ClusterState) (State, error) {
	m, err := shardmap.FromShards(w.MapVersion, w.Shards)
	if err != nil {
		return State{}, err
	}
	s := State{m: m, s: *w}
	s.s.Shards, s.s.Peer, s.s.Leader = nil, wire.Peer{}, ""
	return s, nil
}

// Wire is the state as messages carry it; with its history, as snapshots do.
func (s State) Wire(history bool) wire.ClusterState {
	w := s.s
	w.MapVersion = s.m.Version()
	w.Shards = make([]shardmap.Shard, s.m.Len())
	for i := range w.Shards {
		w.Shards[i] = *s.m.At(i)
	}
	if !history {
		w.History = nil
	}
	return w
}

// Known reports whether there is a state at all: a member that has just come has none.
func (s State) Known() bool { return s.m != nil }

// Map is the shard map.
func (s State) Map() *shardmap.Map { return s.m }

// Revision grows with every change.
func (s State) Revision() uint64 { return s.s.Revision }

// Cluster names the cluster.
func (s State) Cluster() uint64 { return s.s.Cluster }

// Settings are the cluster's.
func (s State) Settings() wire.Settings { return s.s.Settings }

// Members are all nodes, removed ones too, in the order in which they came. They must
// not be modified.
func (s State) Members() []wire.Member { return s.s.Members }

// History is the latest failovers, oldest first. It must not be modified.
func (s State) History() []wire.Failover { return s.s.History }

// Member is the node of that id, or nil. It must not be modified.
func (s State) Member(id shardmap.NodeID) *wire.Member {
	for i := range s.s.Members {
		if s.s.Members[i].ID == id {
			return &s.s.Members[i]
		}
	}
	return nil
}

// Voters are the members of the metadata group, learners included, in the order in
// which they came.
func (s State) Voters() []shardmap.NodeID {
	var ids []shardmap.NodeID
	for i := range s.s.Members {
		if s.s.Members[i].Role != wire.NoVoter {
			ids = append(ids, s.s.Members[i].ID)
		}
	}
	return ids
}

// Uses reports whether a node holds a copy, or held one in a set that must still be
// fenced.
func (s State) Uses(id shardmap.NodeID) bool {
	for i := range s.m.Len() {
		sh := s.m.At(i)
		if sh.HasReplica(id) {
			return true
		}
		for _, set := range sh.Fence {
			if slices.Contains(set, id) {
				return true
			}
		}
	}
	return false
}

// Outcome is what came of a command.
type Outcome struct {
	Shard shardmap.ID
	Node  shardmap.NodeID
	// Member is the node that AddNode took in.
	Member wire.Member
}

// Apply carries out a command. With an error, the state is the one before.
func (s State) Apply(c *wire.Command) (State, Outcome, error) {
	if c.IfEpoch != 0 {
		sh := s.m.Get(c.Shard)
		if sh == nil || sh.Epoch != c.IfEpoch {
			return s, Outcome{}, fmt.Errorf("shard %q: %w", c.Shard, ErrStale)
		}
	}
	next, out, err := s.change(c)
	if err != nil {
		return s, Outcome{}, err
	}
	if next.s.Revision == s.s.Revision && next.changed(s) {
		next.s.Revision++
	}
	return next, out, nil
}

func (s State) changed(before State) bool {
	return s.m != before.m || s.s.NextNumber != before.s.NextNumber || s.s.Settings != before.s.Settings ||
		len(s.s.History) != len(before.s.History) || !slices.Equal(s.s.Members, before.s.Members) ||
		len(s.s.History) > 0 && s.s.History[len(s.s.History)-1] != before.s.History[len(before.s.History)-1]
}

func (s State) change(c *wire.Command) (State, Outcome, error) {
	switch c.Kind {
	case wire.AddNode:
		return s.addNode(c.Member)
	case wire.SetNodeState:
		return s.setNodeState(c.Node, c.State)
	case wire.MarkDown, wire.MarkUp:
		return s.edit(c.Node, func(m *wire.Member) { m.Down = c.Kind == wire.MarkDown })
	case wire.ChangeSettings:
		return s.changeSettings(c.Settings)
	case wire.RecordFailover:
		return s.record(c.Failover)
	}
	return s.changeMap(c)
}

// CheckName returns ErrName if a machine, a zone or a shard can't be called so.
func CheckName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, unfit) {
		return fmt.Errorf("%.80q: %w (1 to %d letters, digits, dots, hyphens and underscores)", name, ErrName, maxName)
	}
	return nil
}

// maxName is how long a name may be that people give to a machine, a zone or a shard.
const maxName = 63

// unfit reports whether a character has no place in a name: names are printed in tables and
// written in address books.
func unfit(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
}

// addNode takes a node in. The same disk is the same node; a machine that comes with
// another disk is another node, named after the machine and how many it had before.
func (s State) addNode(n *wire.Member) (State, Outcome, error) {
	if n == nil {
		return s, Outcome{}, fmt.Errorf("add-node without a node: %w", ErrCommand)
	}
	if err := CheckName(n.Name); err != nil {
		return s, Outcome{}, err
	}
	if n.Zone != "" {
		if err := CheckName(n.Zone); err != nil {
			return s, Outcome{}, fmt.Errorf("zone %w", err)
		}
	}
	before := 0
	for i := range s.s.Members {
		m := &s.s.Members[i]
		switch {
		case m.Name != n.Name:
		case m.Nonce != n.Nonce:
			before++
		case m.State == wire.Removed:
			return s, Outcome{}, fmt.Errorf("node %q: %w", m.ID, ErrRemoved)
		default:
			return s, Outcome{Node: m.ID, Member: *m}, nil
		}
	}
	if len(s.s.Members) == wire.MaxMembers {
		return s, Outcome{}, fmt.Errorf("%d nodes are the most: %w", wire.MaxMembers, ErrInUse)
	}
	m := wire.Member{ID: shardmap.NodeID(n.Name), Name: n.Name, Nonce: n.Nonce, Number: s.s.NextNumber, Zone: n.Zone, Weight: n.Weight}
	if before > 0 {
		m.ID = shardmap.NodeID(fmt.Sprintf("%s~%d", n.Name, before+1))
	}
	s.s.NextNumber++
	s.s.Members = append(slices.Clone(s.s.Members), m)
	return s, Outcome{Node: m.ID, Member: m}, nil
}

// edit changes a node that wasn't removed.
func (s State) edit(id shardmap.NodeID, f func(*wire.Member)) (State, Outcome, error) {
	m := s.Member(id)
	switch {
	case m == nil:
		return s, Outcome{}, fmt.Errorf("node %q: %w", id, ErrUnknownNode)
	case m.State == wire.Removed:
		return s, Outcome{}, fmt.Errorf("node %q: %w", id, ErrRemoved)
	}
	s.s.Members = slices.Clone(s.s.Members)
	f(s.Member(id))
	return s, Outcome{Node: id}, nil
}

func (s State) setNodeState(id shardmap.NodeID, to wire.NodeState) (State, Outcome, error) {
	if to == wire.Removed {
		if m := s.Member(id); m != nil && (m.Role != wire.NoVoter || s.Uses(id)) {
			return s, Outcome{}, fmt.Errorf("node %q: %w", id, ErrInUse)
		}
	}
	return s.edit(id, func(m *wire.Member) { m.State = to })
}

func (s State) changeSettings(to *wire.Settings) (State, Outcome, error) {
	if to == nil {
		return s, Outcome{}, fmt.Errorf("change-settings without settings: %w", ErrCommand)
	}
	full := WithDefaults(*to)
	if err := ValidateSettings(&full); err != nil {
		return s, Outcome{}, err
	}
	s.s.Settings = full
	return s, Outcome{}, nil
}

func (s State) record(f *wire.Failover) (State, Outcome, error) {
	if f == nil {
		return s, Outcome{}, fmt.Errorf("record-failover without one: %w", ErrCommand)
	}
	drop := max(0, len(s.s.History)-MaxHistory+1)
	s.s.History = append(slices.Clone(s.s.History[drop:]), *f)
	return s, Outcome{}, nil
}

// changeMap carries out the commands that concern the shard map.
func (s State) changeMap(c *wire.Command) (State, Outcome, error) {
	if err := s.checkNodes(c); err != nil {
		return s, Outcome{}, err
	}
	m, out := s.m, Outcome{Shard: c.Shard}
	var err error
	if err := checkShardName(c); err != nil {
		return s, Outcome{}, err
	}
	switch c.Kind {
	case wire.CreateShard:
		m, err = m.Create(c.Shard, c.Start, c.End)
	case wire.DeleteShard:
		fate := shardmap.KeepData
		if c.Drop {
			fate = shardmap.DropData
		}
		m, out.Shard, err = m.Delete(c.Shard, fate)
	case wire.SplitShard:
		split := m.Split
		if c.Keep {
			split = m.SplitKept
		}
		m, out.Shard, err = split(c.Shard, c.Start, c.Other)
	case wire.MergeShards:
		m, err = m.Merge(c.Shard, c.Other)
	case wire.MoveCopy:
		m, err = m.Move(c.Shard, c.Node, c.To)
	case wire.SetReplicas:
		m, err = m.SetReplicas(c.Shard, c.Nodes)
	case wire.SetPrimary, wire.Promote:
		m, err = m.SetPrimary(c.Shard, c.Node)
	case wire.Activated:
		m, err = m.Activated(c.Shard, c.Epoch)
	default:
		err = fmt.Errorf("%v: %w", c.Kind, ErrCommand)
	}
	if err != nil {
		return s, Outcome{}, err
	}
	s.m = m
	return s, out, nil
}

// checkShardName refuses names that new shards can't have.
func checkShardName(c *wire.Command) error {
	name := c.Shard
	if c.Kind == wire.SplitShard {
		name = c.Other
	}
	if c.Kind != wire.CreateShard && c.Kind != wire.SplitShard || name == "" {
		return nil // it is given no name, or the map will say that one is missing
	}
	if err := CheckName(string(name)); err != nil {
		return fmt.Errorf("shard %w", err)
	}
	return nil
}

// checkNodes refuses new copies on nodes that don't belong to the cluster.
func (s State) checkNodes(c *wire.Command) error {
	nodes := c.Nodes
	if c.Kind == wire.MoveCopy {
		nodes = []shardmap.NodeID{c.To}
	}
	for _, n := range nodes {
		m := s.Member(n)
		if m == nil || m.State == wire.Removed {
			return fmt.Errorf("node %q: %w", n, ErrUnknownNode)
		}
	}
	return nil
}

// withRoles is the state after a change of the metadata group's members.
func (s State) withRoles(role func(number uint64) wire.VoterRole) State {
	s.s.Members = slices.Clone(s.s.Members)
	for i := range s.s.Members {
		s.s.Members[i].Role = role(s.s.Members[i].Number)
	}
	s.s.Revision++
	return s
}
