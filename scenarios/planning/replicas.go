package planning

import (
	"slices"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// withReplicas is an imported cluster in which some indices have another number of replicas:
// copies that come have no node yet, copies that go free their disks.
func withReplicas(from *clusterfile.Cluster, names []string, n int) *clusterfile.Cluster {
	c := *from
	c.Indices = slices.Clone(c.Indices)
	freed := map[string]int64{}
	for i := range c.Indices {
		ix := &c.Indices[i]
		if !slices.Contains(names, ix.Name) {
			continue
		}
		ix.Replicas = n
		ix.Shards = slices.Clone(ix.Shards)
		for j := range ix.Shards {
			resize(&ix.Shards[j], n, c.At, freed)
		}
	}
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		d := &c.Nodes[i].Disk
		by := -freed[c.Nodes[i].Name]
		d.Available, d.KnownAvailable = less(d.Available, by, d.Total), less(d.KnownAvailable, by, d.KnownTotal)
	}
	return &c
}

// resize gives a shard so many replicas; those without a node go first, then the last.
func resize(s *clusterfile.Shard, n int, now clusterfile.Number, freed map[string]int64) {
	var out []clusterfile.Copy
	replicas := 0
	for _, served := range []bool{true, false} {
		for _, cp := range s.Copies {
			if (cp.State == "STARTED" || cp.State == "RELOCATING") != served {
				continue
			}
			if !cp.Primary {
				if replicas++; replicas > n {
					freed[cp.Node] += cp.Bytes.Or(0)
					s.InSync = slices.DeleteFunc(slices.Clone(s.InSync), func(id string) bool { return id == cp.ID && id != "" })
					continue
				}
			}
			out = append(out, cp)
		}
	}
	for ; replicas < n; replicas++ {
		out = append(out, clusterfile.Copy{State: "UNASSIGNED", Recovery: "PEER", Unassigned: &clusterfile.Unassigned{Reason: "REPLICA_ADDED", At: now, Status: "no_attempt"}})
	}
	s.Copies = out
}

// reshard gives indices another number of shards, with the same data. Of an imported cluster
// they are made afresh, and placed by the cluster.
func reshard(s *scenarios.Scenario, names []string, n int) error {
	indices := slices.Clone(s.Cluster.Indices)
	for i := range indices {
		if slices.Contains(names, indices[i].Name) {
			indices[i].Shards, indices[i].Placement = n, nil
		}
	}
	im := s.Imported()
	if im == nil {
		s.Cluster.Indices = indices
		return nil
	}
	gone := map[string]bool{}
	for _, name := range names {
		ix := indexOf(im.Cluster, name)
		if ix == nil {
			continue
		}
		fresh := likeIndex(s, name)
		fresh.Name, fresh.Shards, fresh.Size = name, n, units.Size(bytesOfPrimaries(ix))
		fresh.Docs = max(1, int64(fresh.Size)/1024)
		indices = append(slices.DeleteFunc(indices, func(o scenarios.IndexSection) bool { return o.Name == name }), fresh)
		gone[name] = true
	}
	s.Cluster.Indices = indices
	m := &growthModel{daily: map[string]int64{}}
	return m.growImported(s, gone, func(_ string, bytes int64) int64 { return bytes })
}
