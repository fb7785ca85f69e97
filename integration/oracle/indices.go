package oracle

import (
	"fmt"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

// drawIndices draws indices until there are enough copies.
func (d *drawer) drawIndices() bool {
	d.drawWeights()
	shards, replicas := d.between(1, 5), d.between(0, 1)
	for missing := d.copies; missing > 0; {
		if !d.sameShapes {
			shards, replicas = d.between(1, d.mostShards()), pick(d, 0, 1, 1, 1, 2)
		}
		idx := d.drawIndex(shards, min(replicas, len(d.nodes)-1))
		missing -= shards * (replicas + 1)
		d.c.Indices = append(d.c.Indices, idx)
	}
	return d.nameIndices()
}

func (d *drawer) mostShards() int {
	switch d.Size {
	case Small:
		return 4
	case Medium:
		return 9
	case Large:
		return 16
	}
	return 60
}

// nameIndices draws names that share no slot.
func (d *drawer) nameIndices() bool {
	length := slots(len(d.c.Indices))
	taken := make(map[uint32]bool)
	var names []string
	for i := range d.c.Indices {
		for attempts := 0; ; attempts++ {
			name := fmt.Sprintf("%s-%04d", pick(d, "logs", "metrics", "traces", "audit", "users", "orders"), d.IntN(10000))
			if s := slot(name, length); !taken[s] {
				taken[s] = true
				d.c.Indices[i].Name = name
				names = append(names, name)
				break
			}
			if attempts > 1000 {
				return false
			}
		}
	}
	d.c.IndexOrder = indexOrder(names)
	return true
}

// drawIndex draws an index, but for its name.
func (d *drawer) drawIndex(shards, replicas int) cases.Index {
	idx := cases.Index{
		UUID: d.text(22), CreationDate: 1_700_000_000_000,
		Settings: map[string]string{"index.number_of_shards": strconv.Itoa(shards), "index.number_of_replicas": strconv.Itoa(replicas)},
	}
	if !d.sameDates {
		idx.CreationDate += int64(d.between(1, 12)) * 86_400_000
	}
	d.indexSettings(idx.Settings)
	bytes := int64(float64(pick(d, 100, 1000, 5000, 20_000, 60_000, 120_000)) * (0.3 + d.Float64()) * gb / 1000)
	if d.factors && d.chance(0.6) || d.Bold && d.chance(0.1) {
		load := float64(d.between(1, 40)) / 8
		idx.ForecastWriteLoad = &load
	}
	if (d.factors || d.disks || d.Bold) && d.chance(0.15) {
		size := bytes * pick(d, int64(1), 3, 10)
		idx.ForecastShardBytes = &size
	}
	added := d.disks && d.chance(0.2)
	isNew := d.family == "fresh" && d.chance(0.8) || d.fresh && d.chance(0.4) || (d.filters || d.limits) && d.chance(0.3)
	for i := range shards {
		s := cases.Shard{Shard: i}
		if isNew {
			for n := range replicas + 1 {
				s.Copies = append(s.Copies, cases.Copy{Primary: n == 0, State: "UNASSIGNED", Unassigned: &cases.Unassigned{Reason: "INDEX_CREATED"}})
			}
		} else {
			s.Copies = d.drawCopies(replicas, added)
			if d.sizes && !(d.Bold && d.chance(0.05)) {
				size := max(1, int64(float64(bytes)*(0.5+d.Float64())))
				s.SizeBytes = &cases.SizeBytes{Primary: &size}
				if replicas > 0 {
					s.SizeBytes.Replica = &size
				}
			}
		}
		idx.Shards = append(idx.Shards, s)
	}
	return idx
}

// drawCopies draws the copies of a shard that exists; added says that its replicas are
// new and mostly without a node.
func (d *drawer) drawCopies(replicas int, added bool) []cases.Copy {
	var taken []string
	assigned := func(primary bool, state string) cases.Copy {
		node := d.place(taken)
		taken = append(taken, node)
		d.given++
		return cases.Copy{Primary: primary, State: state, Node: node, AllocationID: "a" + strconv.Itoa(d.given)}
	}
	out := []cases.Copy{assigned(true, "STARTED")}
	for range replicas {
		if u := d.drawUnassigned(added); u != nil {
			out = append(out, cases.Copy{State: "UNASSIGNED", Unassigned: u})
			continue
		}
		c := assigned(false, "STARTED")
		if d.inFlight && d.chance(0.08) {
			c.State, c.Unassigned = "INITIALIZING", &cases.Unassigned{Reason: "REPLICA_ADDED"}
		}
		out = append(out, c)
	}
	for i := range out {
		if !d.inFlight || out[i].State != "STARTED" || !d.chance(0.07) {
			continue
		}
		if target := d.place(taken); target != "" {
			out[i].State, out[i].RelocatingNode = "RELOCATING", target
			break
		}
	}
	return out
}

// drawUnassigned says why a replica has no node; nil: it has one.
func (d *drawer) drawUnassigned(added bool) *cases.Unassigned {
	node := func() string { return pick(d, d.nodes...).ID }
	switch {
	case added && d.chance(0.6):
		return &cases.Unassigned{Reason: "REPLICA_ADDED"}
	case d.failed && d.chance(0.3):
		last := node()
		return &cases.Unassigned{Reason: "ALLOCATION_FAILED", FailedAllocations: d.between(1, 7), FailedNodes: []string{last}, LastNode: last}
	case d.Bold && d.chance(0.04):
		return &cases.Unassigned{
			Reason: "NODE_LEFT", Delayed: d.chance(0.7), AgeMillis: pick(d, int64(0), 10_000, 59_000, 61_000, 120_000), LastNode: pick(d, node(), "gone01"),
		}
	case d.Bold && d.chance(0.04):
		return &cases.Unassigned{Reason: pick(d, "REPLICA_ADDED", "REALLOCATED_REPLICA", "PRIMARY_FAILED", "MANUAL_ALLOCATION", "CLUSTER_RECOVERED")}
	}
	return nil
}
