package snapshotpolicies

import (
	"context"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func itoa(n int) string { return strconv.Itoa(n) }

// retain deletes the snapshots that may go (SnapshotRetentionTask).
func (s *service) retain() {
	policies := s.of
	s.start("slm.retention", func(ctx context.Context, n *elastic.Node) {
		began, failed := n.Cluster().Engine().Now(), int64(0)
		for _, p := range policies {
			if p.Retention == nil {
				continue
			}
			all, err := snapshots.List(ctx, n, p.Repository, time.Minute)
			if err != nil {
				failed = 1
				continue
			}
			var own []*snapshots.Snapshot
			for _, one := range all {
				if policyOf(one) == p.Name && one.State != "IN_PROGRESS" {
					own = append(own, one)
				}
			}
			s.drop(ctx, n, p, gone(p.Retention, own, s.now()))
		}
		took := n.Cluster().Engine().Now().Sub(began)
		_, _, _ = n.MasterTask(ctx, "update_slm_stats", elastic.Normal, time.Minute, time.Minute, countRetention{failed, took})
	})
}

// countRetention counts a run of the retention.
type countRetention struct {
	failed int64
	took   time.Duration
}

func (c countRetention) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	next := st.Clone()
	next.SnapshotRetentions.Runs++
	next.SnapshotRetentions.Failed += c.failed
	next.SnapshotRetentions.Took += c.took
	return next, nil
}

// drop deletes snapshots of a policy one by one, and counts.
func (s *service) drop(ctx context.Context, n *elastic.Node, p *state.SnapshotPolicy, list []*snapshots.Snapshot) {
	var deleted, kept int64
	for _, one := range list {
		if snapshots.Delete(ctx, n, p.Repository, []string{one.Name}, time.Minute) != nil {
			kept++
			continue
		}
		deleted++
	}
	if deleted+kept > 0 {
		changePolicy(ctx, n, p.Name, countDeleted{p.Name, deleted, kept})
	}
}

// gone are the snapshots of a policy, oldest first, that may be deleted
// (SnapshotRetentionConfiguration): of the successful ones those above the largest number, and
// those that are too old as long as the least number is left; the others when they are too old
// and a successful one is younger.
func gone(r *state.Retention, own []*snapshots.Snapshot, now time.Time) []*snapshots.Snapshot {
	good, newest := 0, -1
	for i, s := range own {
		if s.State == "SUCCESS" {
			good, newest = good+1, i
		}
	}
	var out []*snapshots.Snapshot
	for i, s := range own {
		old := r.ExpireAfter != nil && now.Sub(s.Start) > *r.ExpireAfter
		if s.State != "SUCCESS" {
			if old && newest > i {
				out = append(out, s)
			}
			continue
		}
		above := r.Most != nil && good > *r.Most
		if above || old && (r.Least == nil || good > *r.Least) {
			out = append(out, s)
			good--
		}
	}
	return out
}
