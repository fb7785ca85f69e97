package recovery

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/controller"
)

const replicasSetting = "index.number_of_replicas"

// lookForUnprotected finds indices without replicas that a person wants to have one: the
// loss of a node would lose their documents. Who hasn't asked for it is not told; many
// indices are meant to be so.
func (m *Manager) lookForUnprotected(ctx context.Context, shards []controller.ShardInfo, found map[key]Diagnosis) {
	replicated, ready := map[string]bool{}, map[string]bool{}
	var indices []string
	for _, s := range shards { // sorted by index
		if len(indices) == 0 || indices[len(indices)-1] != s.Index {
			indices = append(indices, s.Index)
			ready[s.Index] = true
		}
		replicated[s.Index] = replicated[s.Index] || !s.Primary
		ready[s.Index] = ready[s.Index] && s.Active()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.open {
		switch {
		case f.Shard != noReplicas:
		case !slices.Contains(indices, f.Index):
			m.end(ctx, f, Vanished)
		case replicated[f.Index] && ready[f.Index]:
			m.end(ctx, f, Resolved)
		case replicated[f.Index]:
			f.State = Recovering
		}
	}
	m.open = slices.DeleteFunc(m.open, func(f *Fault) bool { return f.State.over() })
	for _, index := range indices {
		if replicated[index] || !m.approvedFor(RaiseReplicas, index) {
			continue
		}
		k := key{Index: index, Shard: noReplicas}
		if m.find(k) == nil {
			m.begin(k)
		}
		found[k] = Diagnosis{Cause: Unprotected, Detail: "it has no replica: the loss of one node would lose its documents"}
	}
}

// lookForDonors finds for what disks are too full for an index whose replicas a person
// would give up, the first that was named of those that have any. Of each one replica is
// given up, not one after the other until none is left.
func (m *Manager) lookForDonors(shards []controller.ShardInfo, found map[key]Diagnosis) {
	m.mu.Lock()
	defer m.mu.Unlock()
	donor := ""
	for _, a := range m.approve {
		action, index := a.parts()
		if action == FreeDisk && donor == "" && !m.gaveUp[index] && slices.ContainsFunc(shards, func(s controller.ShardInfo) bool {
			return s.Index == index && !s.Primary && s.Active()
		}) {
			donor = index
		}
	}
	if donor == "" {
		return
	}
	for _, f := range m.open {
		if d, ok := found[f.key]; ok && d.Cause == Watermark {
			d.Donor = donor
			found[f.key] = d
		}
	}
}

// freeDisk gives up a replica of the index that was named for that. Without such a word
// a person has to find room: the watermarks stay as they are, because above them whole
// nodes stop taking writes.
func freeDisk(_ *Fault, d Diagnosis, cfg Config) Proposal {
	if d.Donor == "" {
		return Proposal{Action: Ask, Advice: fmt.Sprintf(
			"free disk space, add a node, or delete indices: the watermarks stay as they are, because above them whole nodes stop taking writes; with the approval %q one replica of an index that can do with fewer is given up",
			FreeDisk+":INDEX")}
	}
	return Proposal{Action: FreeDisk, Index: d.Donor, After: cfg.Patience, Advice: fmt.Sprintf("a replica of each shard of %s is given up", d.Donor)}
}

// setReplicas changes the number of replicas of an index by one, up or down.
func (m *Manager) setReplicas(ctx context.Context, action Action, index string, by int) (controller.Step, error) {
	step := controller.Step{What: string(action)}
	all, err := m.client.GetIndexSettings(ctx, replicasSetting)
	if err != nil {
		return step, err
	}
	i := slices.IndexFunc(all, func(s controller.IndexSettings) bool { return s.Index == index })
	if i < 0 {
		return step, fmt.Errorf("there is no index %s any more", index)
	}
	was := all[i].Values[replicasSetting]
	n, err := strconv.Atoi(was)
	if err != nil {
		return step, fmt.Errorf("%s of %s: %w", replicasSetting, index, err)
	}
	if n+by < 0 {
		return step, fmt.Errorf("index %s has no replica left to give up", index)
	}
	now := strconv.Itoa(n + by)
	if err := m.client.UpdateIndexSettings(ctx, index, map[string]*string{replicasSetting: &now}); err != nil {
		return step, err
	}
	if action == FreeDisk {
		m.gaveUp[index] = true
	}
	step.Calls = 1
	step.Changes = []controller.SettingChange{{Key: index + "/" + replicasSetting, From: was, To: now}}
	return step, nil
}
