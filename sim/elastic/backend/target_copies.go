package backend

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

var _ chaos.Copies = (*target)(nil)

// SupportsDamage implements [chaos.Copies]: everything can be had.
func (t *target) SupportsDamage(chaos.DamageMode) error { return nil }

// storeOf is the store of a copy, nil when the node has none: that of the index of this
// name that the cluster knows, or of the last one it knew.
func (t *target) storeOf(ref chaos.CopyRef) (*store.Store, error) {
	n, err := t.c.Lookup(ref.Node)
	if err != nil {
		return nil, err
	}
	uuid := ""
	if m := t.c.Leader(); m != nil {
		if meta := m.Applied().Index(ref.Index); meta != nil {
			uuid = meta.UUID
		}
	}
	var found *store.Store
	for _, st := range n.Sorted {
		if st.IndexName == ref.Index && st.Key.Shard == ref.Shard && (uuid == "" || st.Key.UUID == uuid) {
			found = st
		}
	}
	return found, nil
}

// Damage implements [chaos.Copies].
func (t *target) Damage(_ context.Context, d chaos.Damage) error {
	st, err := t.storeOf(d.Copy)
	switch {
	case err != nil:
		return err
	case st == nil:
		return fmt.Errorf("%s holds no copy of %s[%d]", d.Copy.Node, d.Copy.Index, d.Copy.Shard)
	}
	t.c.Engine().Note("store.damage "+string(d.Mode), d.Copy.String())
	switch d.Mode {
	case chaos.BadChecksum:
		if len(st.Segments) == 0 {
			return fmt.Errorf("%s has no segment file yet", d.Copy)
		}
		largest := slices.MaxFunc(st.Segments, func(a, b recovery.Segment) int { return cmp.Compare(a.Bytes, b.Bytes) })
		st.Damage.Segments = append(st.Damage.Segments, largest.ID)
	case chaos.FilesMissing:
		st.Damage.Missing = true
	case chaos.SilentDamage:
		if done := st.Alter(d.Docs); done < d.Docs {
			return fmt.Errorf("%s has only %d documents", d.Copy, done)
		}
	default:
		return fmt.Errorf("unknown mode of damage %q", d.Mode)
	}
	return nil
}

// Condition implements [chaos.Copies].
func (t *target) Condition(_ context.Context, d chaos.Damage) (chaos.CopyCondition, error) {
	st, err := t.storeOf(d.Copy)
	switch {
	case err != nil:
		return chaos.CopyCondition{}, err
	case st == nil:
		return chaos.CopyCondition{Files: "no copy lies there"}, nil
	}
	c := chaos.CopyCondition{Noticed: st.Marker != nil}
	switch d.Mode {
	case chaos.BadChecksum:
		bad := st.BadAmong(st.Segments)
		if c.Damaged = bad != nil; c.Damaged {
			c.Files = bad.Reason
		}
	case chaos.FilesMissing:
		if c.Damaged = st.Damage.Missing; c.Damaged {
			c.Files = "no files"
		}
	case chaos.SilentDamage:
		if c.Damaged = st.Damage.Altered > 0; c.Damaged {
			c.Files = fmt.Sprintf("%d documents differ from what was written, all checksums match", st.Damage.Altered)
		}
	}
	switch {
	case c.Noticed:
		c.Files = cmp.Or(c.Files, "damaged") + "; marked as corrupted: " + st.Marker.Reason
	case !c.Damaged:
		c.Files = fmt.Sprintf("%d segments of %s, none of them damaged", len(st.Segments), units.FormatBytes(recovery.Bytes(st.Segments)))
	}
	return c, nil
}
