package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/controller"
)

// pendingRestore is an index that was deleted to be restored from a snapshot. It is
// stored before the index is deleted, so that a controller that dies in between, or the
// one that comes after it, goes on.
type pendingRestore struct {
	Index      string    `json:"index"`
	Repository string    `json:"repository"`
	Snapshot   string    `json:"snapshot"`
	Since      time.Time `json:"since"`
	// Sent: the cluster has taken the request; its recoveries are followed like others.
	Sent bool `json:"sent,omitempty"`
}

// restoreLimit is how long after the request an index that is not there is waited for.
const restoreLimit = 5 * time.Minute

// lookForSnapshots finds, for every index with a primary that no copy can fill, the
// newest snapshot that holds the whole index.
func (m *Manager) lookForSnapshots(ctx context.Context, found map[key]Diagnosis) {
	var wanted []key
	m.mu.Lock()
	for _, f := range m.open {
		if d, known := found[f.key]; known && f.Primary && (d.Cause == Corrupt || d.Cause == NoValidCopy) {
			wanted = append(wanted, f.key)
		}
	}
	m.mu.Unlock()
	if len(wanted) == 0 {
		return
	}
	all, err := m.snapshots(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Warnf(ctx, "[RECOVERY] Error looking for snapshots: %v", err)
		}
		return
	}
	for _, k := range wanted {
		d := found[k]
		for i := range all { // oldest first: the newest stays
			if s := &all[i]; s.Holds(k.Index) && (d.Snapshot == nil || s.Start.After(d.Snapshot.Start)) {
				d.Snapshot = s
			}
		}
		found[k] = d
	}
}

// snapshots are those of all repositories. One that can't be read is passed over.
func (m *Manager) snapshots(ctx context.Context) ([]controller.Snapshot, error) {
	repositories, err := m.client.GetRepositories(ctx)
	if err != nil {
		return nil, err
	}
	var out []controller.Snapshot
	var errs []error
	for _, r := range repositories {
		list, err := m.client.GetSnapshots(ctx, r.Name)
		if err != nil {
			errs = append(errs, fmt.Errorf("repository %s: %w", r.Name, err))
			continue
		}
		out = append(out, list...)
	}
	if len(out) == 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// restoreProposal is to restore the index from a snapshot, and what that loses.
func restoreProposal(f *Fault, d Diagnosis, cfg Config) Proposal {
	s := d.Snapshot
	return Proposal{
		Action: RestoreSnapshot, Snapshot: s, After: cfg.Patience,
		Advice: fmt.Sprintf("with the approval %q the index %s is deleted and restored from the snapshot %s, begun at %s: every write to the index since then, in all its shards, is lost for good (%s)",
			approvalOf(RestoreSnapshot, f), f.Index, s, s.Start.Format(time.RFC3339), age(f, s)),
	}
}

// age says how much time lay between the snapshot and the fault.
func age(f *Fault, s *controller.Snapshot) string {
	return fmt.Sprintf("%s until the fault was detected, and all after it", f.Detected.Sub(s.Start).Round(time.Second))
}

// restoreIndex deletes an index and has it restored. Before anything is deleted the
// repository must answer, and the snapshot must still hold the whole index.
func (m *Manager) restoreIndex(ctx context.Context, index string, s *controller.Snapshot) (controller.Step, error) {
	step := controller.Step{What: fmt.Sprintf("%s %s from %s", RestoreSnapshot, index, s)}
	if err := m.client.VerifyRepository(ctx, s.Repository); err != nil {
		return step, fmt.Errorf("the repository can't be used, nothing was deleted: %w", err)
	}
	list, err := m.client.GetSnapshots(ctx, s.Repository)
	if err != nil {
		return step, fmt.Errorf("nothing was deleted: %w", err)
	}
	if !slices.ContainsFunc(list, func(x controller.Snapshot) bool { return x.UUID == s.UUID && x.Holds(index) }) {
		return step, fmt.Errorf("the snapshot %s no longer holds the index %s; nothing was deleted", s, index)
	}
	if err := m.holdCreation(ctx, index); err != nil {
		return step, fmt.Errorf("nothing was deleted: %w", err)
	}
	m.forgetRestore(index)
	m.mu.Lock()
	m.history.Restores = append(m.history.Restores, pendingRestore{Index: index, Repository: s.Repository, Snapshot: s.Name, Since: m.clock.Now().UTC()})
	m.dirty = true
	m.mu.Unlock()
	m.save(ctx)
	if err := m.client.DeleteIndex(ctx, index); err != nil {
		m.forgetRestore(index)
		m.releaseCreation(ctx)
		return step, fmt.Errorf("deleting the index: %w", err)
	}
	step.Calls = 1
	if err := m.sendRestore(ctx, index); err != nil {
		return step, err // the next round sends it again
	}
	step.Calls++
	return step, nil
}

// sendRestore asks for a restore that is pending.
func (m *Manager) sendRestore(ctx context.Context, index string) error {
	m.mu.Lock()
	at := m.pending(index)
	if at < 0 || m.history.Restores[at].Sent {
		m.mu.Unlock()
		return nil
	}
	r := &m.history.Restores[at]
	s := controller.Snapshot{Repository: r.Repository, Name: r.Snapshot}
	m.mu.Unlock()
	err := m.client.RestoreIndex(ctx, s, index)
	if err != nil {
		return fmt.Errorf("the index %s is deleted and was not restored from %s yet: %w", index, &s, err)
	}
	m.mu.Lock()
	if at := m.pending(index); at >= 0 {
		m.history.Restores[at].Sent, m.dirty = true, true
	}
	m.mu.Unlock()
	m.releaseCreation(ctx)
	return nil
}

// autoCreate says which indices a write may create.
const autoCreate = "action.auto_create_index"

// holdCreation keeps writes from creating the index between its deletion and its
// restore: the restore would be refused, and what was written would stand in its place.
func (m *Manager) holdCreation(ctx context.Context, index string) error {
	now, err := m.client.GetClusterSettings(ctx)
	if err != nil {
		return err
	}
	value := now.Effective(autoCreate)
	switch value {
	case "false":
		return nil
	case "", "true":
		value = "+*"
	}
	step, err := m.desk.Apply(ctx, "keep writes from creating "+index, []controller.Setting{{Key: autoCreate, Value: "-" + index + "," + value}})
	if err == nil && len(step.Contested) > 0 {
		err = fmt.Errorf("somebody else has set %s to %q", autoCreate, step.Contested[0].From)
	}
	return err
}

// releaseCreation puts the setting back.
func (m *Manager) releaseCreation(ctx context.Context) {
	if _, err := m.desk.Restore(ctx, autoCreate); err != nil && ctx.Err() == nil {
		m.desk.Warnf(ctx, "[RECOVERY] %s was not put back: %v", autoCreate, err)
	}
}

// pending is the place of an index's pending restore, -1 without one. The lock is held.
func (m *Manager) pending(index string) int {
	return slices.IndexFunc(m.history.Restores, func(r pendingRestore) bool { return r.Index == index })
}

func (m *Manager) forgetRestore(index string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.pending(index); at >= 0 {
		m.history.Restores = slices.Delete(m.history.Restores, at, at+1)
		m.dirty = true
	}
}

// resumeRestores sends restores again that no cluster has taken yet, and forgets those
// whose index is there again with all its primaries.
func (m *Manager) resumeRestores(ctx context.Context, shards []controller.ShardInfo) {
	m.mu.Lock()
	pending := slices.Clone(m.history.Restores)
	m.mu.Unlock()
	for _, r := range pending {
		there, active := false, true
		for _, s := range shards {
			if s.Index == r.Index {
				there = true
				active = active && (!s.Primary || s.Active())
			}
		}
		switch {
		case there && active:
			m.forgetRestore(r.Index)
			m.desk.Infof(ctx, "[RECOVERY] %s is restored from %s:%s", r.Index, r.Repository, r.Snapshot)
		case !there && r.Sent && m.clock.Now().Sub(r.Since) > restoreLimit:
			m.forgetRestore(r.Index) // somebody has deleted it again
		case !there && !r.Sent:
			if err := m.sendRestore(ctx, r.Index); err != nil && ctx.Err() == nil {
				m.desk.Errorf(ctx, "[RECOVERY] %v", err)
			}
		}
	}
}
