package recovery

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/internal/units"
)

// floodBlock is the block that Elasticsearch puts on the indices of a node whose disk
// is over the flood stage.
const floodBlock = "index.blocks.read_only_allow_delete"

const floodSetting = "cluster.routing.allocation.disk.watermark.flood_stage"

// lookForBlocks finds indices that a flood block keeps from being written though no
// disk of theirs is at that stage any more. Elasticsearch lifts the block only when
// they all are below the high watermark: between the two, and where its disk monitor
// is switched off, it stays.
func (m *Manager) lookForBlocks(ctx context.Context, shards []controller.ShardInfo, found map[key]Diagnosis) {
	settings, err := m.client.GetIndexSettings(ctx, floodBlock)
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Warnf(ctx, "[RECOVERY] Error getting the blocks of indices: %v", err)
		}
		return
	}
	var blocked []string
	for _, s := range settings {
		if s.Values[floodBlock] == "true" {
			blocked = append(blocked, s.Index)
		}
	}
	m.endBlocks(ctx, blocked)
	if len(blocked) == 0 {
		return
	}
	flood, err := m.flooded(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Warnf(ctx, "[RECOVERY] Error looking at the disks: %v", err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, index := range blocked {
		k := key{Index: index, Shard: wholeIndex}
		if m.find(k) == nil {
			m.begin(k)
		}
		found[k] = m.judgeBlock(index, flood, shards)
	}
}

// endBlocks ends the faults whose blocks are gone.
func (m *Manager) endBlocks(ctx context.Context, blocked []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.open {
		if f.Shard == wholeIndex && !slices.Contains(blocked, f.Index) {
			m.end(ctx, f, Resolved)
			delete(m.blocked, f.Index)
			m.lifted[f.Index] = f.Cause == FloodBlock && len(f.Attempts) > 0
		}
	}
	m.open = slices.DeleteFunc(m.open, func(f *Fault) bool { return f.State.over() })
}

// judgeBlock says whether a block is needed still. The lock is held.
func (m *Manager) judgeBlock(index string, flood map[string]string, shards []controller.ShardInfo) Diagnosis {
	if planted.Is(planted.FloodBlockLifted) {
		return Diagnosis{Cause: FloodBlock, Detail: "writes are blocked"}
	}
	for _, s := range shards {
		if why := flood[s.Node]; s.Index == index && s.Node != "" && why != "" {
			delete(m.blocked, index)
			delete(m.lifted, index)
			return Diagnosis{Cause: Watermark, Detail: "writes are blocked: " + why}
		}
	}
	now := m.clock.Monotonic()
	since, known := m.blocked[index]
	if !known {
		since = now
		m.blocked[index] = now
	}
	still := now - since
	switch {
	case m.lifted[index]:
		return Diagnosis{Cause: Unclear, Detail: "the block was lifted and is back, though no disk is at flood stage: somebody has set it"}
	case still < m.cfg.StaleAfter:
		return Diagnosis{Cause: Throttled, Detail: "no disk is at flood stage any more; Elasticsearch may lift the block by itself"}
	}
	return Diagnosis{Cause: FloodBlock, Detail: fmt.Sprintf("writes are blocked, and no disk with a copy has been at flood stage for %v", still.Round(time.Second))}
}

// flooded are the nodes over the flood stage, or of which that can't be told, each with
// a sentence.
func (m *Manager) flooded(ctx context.Context) (map[string]string, error) {
	inForce, err := m.client.GetClusterSettings(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := m.client.GetNodeStats(ctx)
	if err != nil {
		return nil, err
	}
	mark, err := parseMark(inForce.Effective(floodSetting), inForce.Effective(floodSetting+".max_headroom"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", floodSetting, err)
	}
	out := map[string]string{}
	for _, n := range nodes {
		switch {
		case n.DiskTotal <= 0:
			out[n.Name] = fmt.Sprintf("how full the disk of %s is isn't known", n.Name)
		case n.DiskFree < mark.minFree(n.DiskTotal):
			out[n.Name] = fmt.Sprintf("the disk of %s is %.1f%% full", n.Name, 100*(1-float64(n.DiskFree)/float64(n.DiskTotal)))
		}
	}
	return out, nil
}

// mark is a watermark: a share of the disk that may be used, with the free bytes that
// are enough on large disks; or bytes that must be free.
type mark struct {
	usable   float64 // 0 to 1
	bytes    int64   // free; counts when usable is 0
	headroom int64   // -1 none
}

// parseMark reads a watermark: "95%", "0.95" or free bytes such as "500mb".
func parseMark(text, headroom string) (mark, error) {
	m := mark{headroom: -1}
	if s, err := units.ParseSize(strings.ToLower(headroom)); err == nil {
		m.headroom = int64(s)
	}
	if p, err := units.ParsePercent(text); err == nil {
		m.usable = float64(p) / 100
		return m, nil
	}
	if ratio, err := strconv.ParseFloat(text, 64); err == nil && ratio > 0 && ratio <= 1 {
		m.usable = ratio
		return m, nil
	}
	s, err := units.ParseSize(strings.ToLower(text))
	if err != nil {
		return m, err
	}
	m.bytes = int64(s)
	return m, nil
}

// minFree is how many bytes of a disk must be free.
func (m mark) minFree(total int64) int64 {
	if m.usable == 0 {
		return m.bytes
	}
	free := total - int64(float64(float64(total)*m.usable))
	if m.headroom >= 0 {
		free = min(free, m.headroom)
	}
	return free
}

// liftBlock takes the block away.
func (m *Manager) liftBlock(ctx context.Context, index string) (controller.Step, error) {
	step := controller.Step{What: string(LiftBlock)}
	if err := m.client.UpdateIndexSettings(ctx, index, map[string]*string{floodBlock: nil}); err != nil {
		return step, err
	}
	step.Calls = 1
	step.Changes = []controller.SettingChange{{Key: index + "/" + floodBlock, From: "true"}}
	return step, nil
}
