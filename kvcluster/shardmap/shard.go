package shardmap

import (
	"errors"
	"fmt"
	"slices"
)

// ID names a shard.
type ID string

// NodeID names a node. It lives on the node's disk: a node that comes back with an
// empty disk is another node.
type NodeID string

// Shard is one range of keys and where its copies are.
type Shard struct {
	ID ID
	// Start is the first key of the range. End is the first key after it; "" means
	// that the range has no end.
	Start, End string
	// Replicas are the nodes that hold a copy, the primary among them.
	Replicas []NodeID
	// Primary is the node whose copy takes writes, or "" while nobody does.
	Primary NodeID
	// Epoch is the version of the map in which the shard last changed.
	Epoch uint64
	// Since is the version of the map in which the shard came into being. It tells it from
	// an earlier one of the same name, of which somebody may still have copies.
	Since uint64
	// Fence are earlier sets of replicas of which a majority each must be fenced
	// before the primary may act. See the package comment.
	Fence [][]NodeID
	// Origin is the shard that this one is split off from, until its primary acts. Its
	// data comes from there.
	Origin ID
	// Parts are the shards split off from this one whose primaries don't act yet.
	Parts []Part
	// Heir is the neighbour that this shard is being merged into, or "". It keeps its
	// range, but serves no more, until the heir has what it holds: everything, or with
	// Drop only what is remembered of clients.
	Heir ID
	Drop bool
	// Kept says that somebody wanted the range to begin at Start: Plan doesn't merge the
	// shard with the one before it.
	Kept bool
}

// Part is a range that became a shard of its own.
type Part struct {
	ID         ID
	Start, End string
	Since      uint64
}

// Errors of changes. They are wrapped with the shard concerned.
var (
	ErrUnknownShard = errors.New("unknown shard")
	ErrShardExists  = errors.New("shard exists already")
	ErrBadRange     = errors.New("bad key range")
	ErrSpans        = errors.New("range is not inside one shard")
	ErrNotAdjacent  = errors.New("shards are not adjacent")
	ErrNotColocated = errors.New("shards don't have their copies on the same nodes")
	ErrUnsettled    = errors.New("the shard's last change of copies is not complete")
	ErrLastShard    = errors.New("the last shard can't be deleted")
	ErrNotReplica   = errors.New("the node holds no copy of the shard")
	ErrIsReplica    = errors.New("the node holds a copy of the shard already")
	ErrNoReplicas   = errors.New("a shard needs at least one copy")
)

// Covers reports whether key lies in the shard's range.
func (s *Shard) Covers(key string) bool {
	return s.Start <= key && (s.End == "" || key < s.End)
}

// HasReplica reports whether node holds a copy.
func (s *Shard) HasReplica(node NodeID) bool { return slices.Contains(s.Replicas, node) }

// Settled reports whether the last change of copies and of the range is complete.
func (s *Shard) Settled() bool {
	return len(s.Fence) == 0 && s.Origin == "" && len(s.Parts) == 0 && s.Heir == ""
}

// divisible reports whether the shard may be split: after another split it may at once.
func (s *Shard) divisible() bool { return len(s.Fence) == 0 && s.Heir == "" }

// Colocated reports whether both shards have their copies on the same nodes.
func (s *Shard) Colocated(t *Shard) bool { return sameSet(s.Replicas, t.Replicas) }

// Clone is a deep copy.
func (s *Shard) Clone() Shard {
	c := *s
	c.Replicas = slices.Clone(s.Replicas)
	c.Parts = slices.Clone(s.Parts)
	c.Fence = nil
	for _, set := range s.Fence {
		c.Fence = append(c.Fence, slices.Clone(set))
	}
	return c
}

// Equal reports whether both are the same in every field; the order of replicas
// counts, as it does for placement.
func (s *Shard) Equal(t *Shard) bool {
	return s.ID == t.ID && s.Start == t.Start && s.End == t.End && s.Primary == t.Primary &&
		s.Epoch == t.Epoch && s.Since == t.Since && slices.Equal(s.Replicas, t.Replicas) &&
		s.Origin == t.Origin && slices.Equal(s.Parts, t.Parts) && s.Heir == t.Heir && s.Drop == t.Drop && s.Kept == t.Kept &&
		slices.EqualFunc(s.Fence, t.Fence, slices.Equal)
}

func (s *Shard) String() string {
	end := s.End
	if end == "" {
		end = "∞"
	}
	return fmt.Sprintf("%s[%q,%q)@%d %v primary %q", s.ID, s.Start, end, s.Epoch, s.Replicas, s.Primary)
}

// setReplicas replaces the copies and remembers those that were. The primary stays if
// it still holds a copy; otherwise the first copy that both sets share takes over, or
// the first of all.
func (s *Shard) setReplicas(nodes []NodeID) {
	if !sameSet(nodes, s.Replicas) {
		s.addFence(s.Replicas)
	}
	old := s.Replicas
	s.Replicas = slices.Clone(nodes)
	if slices.Contains(nodes, s.Primary) {
		return
	}
	s.Primary = nodes[0]
	for _, n := range nodes {
		if slices.Contains(old, n) {
			s.Primary = n
			return
		}
	}
}

func (s *Shard) addFence(set []NodeID) {
	for _, f := range s.Fence {
		if sameSet(f, set) {
			return
		}
	}
	s.Fence = append(s.Fence, slices.Clone(set))
}

// sameSet compares sets of nodes without repetitions.
func sameSet(a, b []NodeID) bool {
	if len(a) != len(b) {
		return false
	}
	for _, n := range a {
		if !slices.Contains(b, n) {
			return false
		}
	}
	return true
}

// firstRepeated is a node that the list names twice, or "".
func firstRepeated(nodes []NodeID) NodeID {
	for i, n := range nodes {
		if slices.Contains(nodes[:i], n) {
			return n
		}
	}
	return ""
}

// maxEnd is the larger of two ends of ranges, of which "" is the largest.
func maxEnd(a, b string) string {
	if a == "" || b == "" {
		return ""
	}
	return max(a, b)
}

// minEnd is the smaller of two ends of ranges, of which "" is the largest.
func minEnd(a, b string) string {
	if a == "" {
		return b
	}
	if b == "" {
		return a
	}
	return min(a, b)
}
