package recovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
)

// Causes of findings that are about the cluster and no copy of its own.
const (
	FewMasters Cause = "few-masters" // too few master-eligible nodes to survive the loss of one
	DrainStuck Cause = "drain-stuck" // a node is to be emptied, and its copies find no other
)

// findingsEvery is how many rounds are between two looks at the cluster as a whole.
const findingsEvery = 4

// nodeExclusion keeps copies off nodes: it is how a node is drained.
const nodeExclusion = "cluster.routing.allocation.exclude._name"

// drain is a node that is to be emptied, with the copies that it held last.
type drain struct {
	copies int
	since  time.Duration // without one less
}

// lookAround finds what is wrong with the cluster as a whole, which no unassigned copy tells.
func (m *Manager) lookAround(ctx context.Context, shards []controller.ShardInfo) {
	if (m.round-1)%findingsEvery != 0 {
		return
	}
	var found []Finding
	nodes, err := m.client.GetNodeStats(ctx)
	if err == nil {
		if f, ok := fewMasters(nodes); ok {
			found = append(found, f)
		}
		var stuck []Finding
		stuck, err = m.stuckDrains(ctx, shards)
		found = append(found, stuck...)
	}
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Warnf(ctx, "[RECOVERY] Error looking at the nodes: %v", err)
		}
		return
	}
	m.setFindings(ctx, found)
}

// setFindings replaces the findings, and says those that are new.
func (m *Manager) setFindings(ctx context.Context, found []Finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range found {
		if !slices.ContainsFunc(m.findings, func(was Finding) bool { return was.Cause == f.Cause && was.Cure == f.Cure }) {
			m.desk.Errorf(ctx, "[ALERT] %s", f)
		}
	}
	m.findings = found
}

// Findings are what is wrong with the cluster as a whole, as of the last look.
func (m *Manager) Findings() []Finding {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.findings)
}

// fewMasters recognises clusters of several nodes in which the loss of one that may be
// master leaves too few to elect another.
func fewMasters(nodes []controller.NodeStats) (Finding, bool) {
	var masters []string
	for _, n := range nodes {
		if slices.Contains(n.Roles, "master") {
			masters = append(masters, n.Name)
		}
	}
	if len(nodes) < 2 || len(masters) == 0 || len(masters) > 2 {
		return Finding{}, false
	}
	return Finding{
		Cause: FewMasters, Detail: fmt.Sprintf("%d master-eligible nodes (%s) survive no loss: without one of them no master can be elected", len(masters), strings.Join(masters, ", ")),
		Cure: "make three nodes master-eligible; one of them may be voting-only",
	}, true
}

// stuckDrains finds nodes that are to be emptied and have not lost a copy for long, and
// asks of one of their copies why.
func (m *Manager) stuckDrains(ctx context.Context, shards []controller.ShardInfo) ([]Finding, error) {
	settings, err := m.client.GetClusterSettings(ctx)
	if err != nil {
		return nil, err
	}
	now, drains := m.clock.Monotonic(), map[string]drain{}
	var out []Finding
	for _, name := range strings.Split(settings.Effective(nodeExclusion), ",") {
		name = strings.TrimSpace(name)
		left := slices.DeleteFunc(slices.Clone(shards), func(s controller.ShardInfo) bool { return s.Node != name || s.State != controller.StateStarted })
		if name == "" || len(left) == 0 {
			continue
		}
		is := drain{len(left), now}
		if was, ok := m.drains[name]; ok && was.copies <= is.copies {
			is.since = was.since
		}
		drains[name] = is
		if now-is.since < m.cfg.StuckAfter {
			continue
		}
		f, err := m.explainDrain(ctx, name, left)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	m.drains = drains
	return out, nil
}

// explainDrain says why copies don't leave a node, by one of them.
func (m *Manager) explainDrain(ctx context.Context, node string, left []controller.ShardInfo) (Finding, error) {
	f := Finding{Cause: DrainStuck, Count: len(left)}
	for _, s := range left[:min(8, len(left))] {
		f.Copies = append(f.Copies, key{s.Index, s.Shard, s.Primary}.String())
	}
	x, err := m.client.ExplainCopy(ctx, left[0].Index, left[0].Shard, left[0].Primary, node)
	if err != nil {
		return f, err
	}
	c := Advise(x)
	f.Decider, f.Besides = c.Decider, c.Besides
	f.Detail = fmt.Sprintf("%s is to be emptied (%s), and none of its copies has left for %v: %s", node, nodeExclusion, m.cfg.StuckAfter, c.Detail)
	f.Cure = c.Cure
	return f, nil
}
