package shardmap

import (
	"errors"
	"fmt"
	"slices"
)

// Check returns an error for every invariant that the map breaks: ranges tile the key
// space, names are unique, no node holds two copies of a shard, the primary holds
// one.
func (m *Map) Check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("shard map: "+format, args...)) }
	if len(m.shards) == 0 {
		return errors.New("shard map: no shards")
	}
	if m.shards[0].Start != "" {
		fail("keys before %q belong to no shard", m.shards[0].Start)
	}
	ids := make(map[ID]bool)
	for i := range m.shards {
		s := &m.shards[i]
		if s.ID == "" || ids[s.ID] {
			fail("the name %q is empty or used twice", s.ID)
		}
		ids[s.ID] = true
		last := i == len(m.shards)-1
		switch {
		case last && s.End != "":
			fail("keys from %q on belong to no shard", s.End)
		case !last && s.End != m.shards[i+1].Start:
			fail("shard %q ends at %q, the next one, %q, starts at %q", s.ID, s.End, m.shards[i+1].ID, m.shards[i+1].Start)
		case !last && s.Start >= s.End:
			fail("shard %q is empty: [%q, %q)", s.ID, s.Start, s.End)
		}
		if s.Epoch > m.version {
			fail("shard %q has epoch %d in version %d of the map", s.ID, s.Epoch, m.version)
		}
		if err := s.checkCopies(); err != nil {
			errs = append(errs, err)
		}
		if h := m.Get(s.Heir); s.Heir != "" && (h == nil || h.Heir != "" || h.End != s.Start && h.Start != s.End) {
			fail("shard %q can't be merged into %q", s.ID, s.Heir)
		}
	}
	return errors.Join(errs...)
}

func (s *Shard) checkCopies() error {
	switch {
	case len(s.Replicas) == 0:
		return fmt.Errorf("shard map: shard %q: %w", s.ID, ErrNoReplicas)
	case firstRepeated(s.Replicas) != "":
		return fmt.Errorf("shard map: shard %q has two copies on %q", s.ID, firstRepeated(s.Replicas))
	case slices.Contains(s.Replicas, ""):
		return fmt.Errorf("shard map: shard %q has a copy on a node without a name", s.ID)
	case s.Primary != "" && !s.HasReplica(s.Primary):
		return fmt.Errorf("shard map: shard %q has its primary on %q, which holds no copy", s.ID, s.Primary)
	case s.Epoch == 0:
		return fmt.Errorf("shard map: shard %q has no epoch", s.ID)
	}
	for _, set := range s.Fence {
		if len(set) == 0 || firstRepeated(set) != "" {
			return fmt.Errorf("shard map: shard %q has a fence %v that is not a set of nodes", s.ID, set)
		}
	}
	return nil
}

// CheckStep returns an error if the way from one map to a later one lets an epoch go
// back or stay where it must grow: for every key, the covering shard's epoch must not
// decrease, and must grow if the shard's name, range, copies or primary is another
// one. Fences may be dropped only at the same epoch.
func CheckStep(before, after *Map) error {
	if err := after.Check(); err != nil {
		return err
	}
	var errs []error
	for i, j := 0, 0; i < before.Len() && j < after.Len(); {
		old, now := before.At(i), after.At(j)
		if err := checkEpoch(old, now); err != nil {
			errs = append(errs, err)
		}
		// Go on with whatever ends first; both lists tile the same space.
		end := minEnd(old.End, now.End)
		if old.End == end {
			i++
		}
		if now.End == end {
			j++
		}
	}
	return errors.Join(errs...)
}

func checkEpoch(old, now *Shard) error {
	same := old.ID == now.ID && old.Heir == now.Heir && old.Start == now.Start && old.End == now.End && old.Primary == now.Primary &&
		slices.Equal(old.Replicas, now.Replicas)
	switch {
	case now.Epoch < old.Epoch:
		return fmt.Errorf("shard map: epoch goes back: %v after %v", now, old)
	case !same && now.Epoch == old.Epoch:
		return fmt.Errorf("shard map: change without a new epoch: %v after %v", now, old)
	case now.Epoch == old.Epoch && len(now.Fence) > 0 && !slices.EqualFunc(old.Fence, now.Fence, slices.Equal):
		return fmt.Errorf("shard map: another fence at the same epoch: %v after %v", now.Fence, old.Fence)
	}
	return nil
}
