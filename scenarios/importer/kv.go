package importer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const (
	// mostKVStatus is the largest status that is read.
	mostKVStatus = 64 << 20
	// mostKVItems is how many keys a draft has at most, and kvValue the size of their values
	// where so many suffice.
	mostKVItems, kvValue = 10_000, 1 << 10
)

// KV is a key-value store at one moment, as `shardquake kv status --json` tells of it.
type KV struct {
	State  *wire.ClusterState
	Health []wire.NodeHealth
}

// ReadKV reads a status. It reports false for a file that is none.
func ReadKV(path string) (k *KV, is bool, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostKVStatus {
		return nil, false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false, nil
	}
	defer f.Close() //nolint:errcheck // reading only
	data, err := io.ReadAll(io.LimitReader(f, mostKVStatus))
	if err != nil {
		return nil, false, nil
	}
	return parseKV(data)
}

func parseKV(data []byte) (k *KV, is bool, err error) {
	var head struct {
		State *struct{ Members, Shards json.RawMessage }
	}
	if json.Unmarshal(data, &head) != nil || head.State == nil || head.State.Members == nil || head.State.Shards == nil {
		return nil, false, nil
	}
	k = &KV{}
	if err := json.Unmarshal(data, k); err != nil {
		return nil, true, fmt.Errorf("%w: a status of a key-value store that can't be read: %w; expected the output of `shardquake kv status --json`", ErrSource, err)
	}
	k.State.Members = slices.DeleteFunc(k.State.Members, func(m wire.Member) bool { return m.State == wire.Removed })
	if len(k.State.Members) == 0 || len(k.State.Shards) == 0 {
		return nil, true, fmt.Errorf("%w: a status of a key-value store without nodes or shards; expected that of a store that has formed", ErrSource)
	}
	return k, true, nil
}

// Name is what the files of the store are called where nobody says it.
func (k *KV) Name() string { return fmt.Sprintf("kv-%x", k.State.Cluster) }

// Nodes and Shards say how large it is.
func (k *KV) Nodes() int { return len(k.State.Members) }

// Shards is how many ranges it has.
func (k *KV) Shards() int { return len(k.State.Shards) }

// measured sums what the primaries report; known says that every shard was measured.
func (k *KV) measured() (bytes, ops uint64, known bool) {
	seen := map[shardmap.ID]bool{}
	for i := range k.Health {
		for _, c := range k.Health[i].Copies {
			if c.Acting && c.Measured && !seen[c.Shard] {
				seen[c.Shard] = true
				bytes, ops = bytes+c.Bytes, ops+c.QPS
			}
		}
	}
	return bytes, ops, len(seen) == len(k.State.Shards)
}

// items are as many keys as the store has bytes for.
func (k *KV) items() (count int, value int64) {
	total, _, _ := k.measured()
	count = int(min(total/kvValue, mostKVItems))
	if count == 0 {
		return 0, 0
	}
	return count, int64(total) / int64(count)
}

// Assumptions say what the status does not tell, and what a scenario can't say of the store.
func (k *KV) Assumptions() []string {
	s := &k.State.Settings
	out := []string{
		"assumed: disks of 10gb, a network of 1gbit, the processors of a scenario's nodes: a status does not tell them. They matter for how long copies take",
		"not taken over: where the ranges begin and which node holds what: here they are at even distances, and the store places them",
	}
	if count, value := k.items(); count > 0 {
		out = append(out, fmt.Sprintf("assumed: %d keys of %s: the status tells bytes, not keys", count, units.FormatBytes(value)))
	}
	if _, _, known := k.measured(); !known {
		out = append(out, "not known: the sizes and loads of some shards: no primary reports them")
	}
	for i := range k.State.Members {
		switch m := &k.State.Members[i]; {
		case m.Down:
			out = append(out, fmt.Sprintf("not taken over: %s is down: here it lives at first", m.ID))
		case m.State != wire.Active:
			out = append(out, fmt.Sprintf("not taken over: %s is %s: here it is a node like others", m.ID, m.State))
		}
	}
	if s.ManualFailover {
		out = append(out, "not simulated: failover is manual in this store; here it is automatic")
	}
	return out
}

// Draft is a scenario of a store like this one: a described one, with its nodes by name and
// zone, its settings and as much data.
func (k *KV) Draft(name string) []byte {
	var out bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# %s: made by `shardquake import`. `shardquake check` previews it, `shardquake run` runs it.", oneLine(name))
	for _, a := range k.Assumptions() {
		line("# %s.", oneLine(a))
	}
	line("")
	line("name: %s", scenarioName(name))
	line("about: %s", quoted(fmt.Sprintf("The key-value store %x as it was imported: %d nodes, %d shards.", k.State.Cluster, k.Nodes(), k.Shards())))
	line("system: kv")
	line("")
	line("cluster:")
	line("  nodes:")
	for i := range k.State.Members {
		m := &k.State.Members[i]
		zone := ""
		if m.Zone != "" {
			zone = fmt.Sprintf(", attributes: {zone: [%s]}", quoted(m.Zone))
		}
		line("    - {names: [%s], disk: 10gb%s}", quoted(cmp.Or(m.Name, string(m.ID))), zone)
	}
	line("  kv:")
	for _, s := range k.section() {
		line("    %s", s)
	}
	_, ops, _ := k.measured()
	line("")
	line("# operations: %d in a second were measured, which of them were writes is not told; half and half here, 20 to 500 together", ops)
	line("workload:")
	line("  - {kv: registers, keys: 20, writes: %d/s, reads: %d/s, tracers: 5/s}", max(10, min(ops, 500)/2), max(10, min(ops, 500)/2))
	line("")
	line("# faults:      # take the hash signs away here and before those that are to strike")
	line("#   - {at: 20s, node-loss: {node: %s}}", quoted(cmp.Or(k.State.Members[0].Name, string(k.State.Members[0].ID))))
	line("#   - {at: 20s, node-loss: {node: \"primary(kv,0)\"}}")
	line("#   - {at: 20s, node-loss: {node: master, for: 1m}}")
	line("")
	line("expect:")
	line("  - {steady-state: green, at: start}")
	line("  - {lost-acked-writes: 0}")
	line("  - {linearizable: registers}")
	line("  - {ranges-tile: always}")
	line("  # - {one-primary-per-epoch: always}   # with a fault that makes one fail over")
	line("  # - {failover-within: 30s}")
	line("  # - {recovered: green, within: 5m, of: node-loss}")
	line("")
	line("duration: 2m")
	return out.Bytes()
}

// section is the kv: section.
func (k *KV) section() []string {
	s := &k.State.Settings
	span := func(d time.Duration) string { return units.Duration(d).String() }
	out := []string{
		fmt.Sprintf("shards: %d", k.Shards()), fmt.Sprintf("replication: %d", s.Replicas),
		"read-level: " + strings.ToLower(s.ReadLevel.String()), "write-level: " + strings.ToLower(s.WriteLevel.String()),
		fmt.Sprintf("voters: %d", s.Voters), "heartbeat: " + span(s.Heartbeat), fmt.Sprintf("failure-threshold: %d", s.FailureThreshold),
		fmt.Sprintf("recovery-threshold: %d", s.RecoveryThreshold), "replace-after: " + span(s.ReplaceAfter),
	}
	if !s.ManualBalance {
		out = append(out, "balance: true", "balance-every: "+span(s.BalanceEvery), "split-bytes: "+units.FormatBytes(int64(s.SplitBytes)), fmt.Sprintf("split-qps: %d", s.SplitQPS),
			"merge-bytes: "+units.FormatBytes(int64(s.MergeBytes)), fmt.Sprintf("merge-qps: %d", s.MergeQPS))
	}
	if count, value := k.items(); count > 0 {
		out = append(out, fmt.Sprintf("items: %d", count), "value: "+units.FormatBytes(value))
	}
	return out
}
