package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// grow makes a scenario's cluster that of a day: what is there is larger, or gone, and what
// comes to streams are new indices, which the cluster places itself.
func (m *growthModel) grow(s *scenarios.Scenario, day int) error {
	if day == 0 {
		return nil
	}
	var added []scenarios.IndexSection
	gone := map[string]bool{}
	for i := range m.streams {
		fresh, old, err := m.streams[i].on(s, day)
		if err != nil {
			return err
		}
		added = append(added, fresh...)
		for _, name := range old {
			gone[name] = true
		}
	}
	grown := func(name string, bytes int64) int64 {
		switch perDay, single := m.daily[name]; {
		case single:
			return bytes + perDay*int64(day)
		case m.has(name):
			return bytes
		}
		return int64(float64(float64(bytes) * m.rate.Factor(day)))
	}
	indices := slices.Clone(s.Cluster.Indices)
	for i := range indices {
		ix := &indices[i]
		was := int64(ix.Size)
		ix.Size = units.Size(grown(ix.Name, was))
		if was > 0 {
			ix.Docs = max(1, int64(float64(float64(ix.Docs)*float64(ix.Size)/float64(was))))
		}
	}
	if s.Imported() == nil {
		indices = slices.DeleteFunc(indices, func(ix scenarios.IndexSection) bool { return gone[ix.Name] })
	}
	s.Cluster.Indices = append(indices, added...)
	if s.Cluster.KV != nil {
		kv := *s.Cluster.KV
		kv.Value = units.Size(int64(float64(float64(kv.Value) * m.rate.Factor(day))))
		s.Cluster.KV = &kv
	}
	s.Workload = slices.DeleteFunc(slices.Clone(s.Workload), func(w scenarios.LoadSection) bool { return gone[w.Index] })
	if s.Imported() == nil {
		return nil
	}
	return m.growImported(s, gone, grown)
}

// on is what a stream has more and no more on a day. What is kept long enough goes, the oldest
// first, as soon as as much has come.
func (st *stream) on(s *scenarios.Scenario, day int) (fresh []scenarios.IndexSection, gone []string, err error) {
	came := st.adds * int64(day)
	if st.keeps > 0 {
		most := max(st.adds*int64(st.keeps), st.bytes)
		leave := max(0, st.bytes+came-most) // so much is too old
		sizes := primaryBytes(s)
		for _, name := range st.indices {
			if size := sizes[name]; leave >= size && size > 0 {
				gone = append(gone, name)
				leave -= size
			}
		}
		came = min(came, st.adds*int64(st.keeps))
	}
	model := st.indices[len(st.indices)-1]
	n := int((came + st.each - 1) / st.each)
	if n > mostNewIndices {
		return nil, nil, fmt.Errorf("%w: on day %d %s would have %d more indices; expected at most %d: larger ones, or a nearer until", ErrConfig, day, st.name, n, mostNewIndices)
	}
	for i := range n {
		ix := likeIndex(s, model)
		ix.Name = fmt.Sprintf("%s-later-%06d", strings.TrimLeft(model, "."), i+1)
		ix.Size = units.Size(min(st.each, came-int64(i)*st.each))
		ix.Docs = max(1, int64(ix.Size)/1024)
		fresh = append(fresh, ix)
	}
	return fresh, gone, nil
}

// privateSettings are those of an index that another one can't have, or that say of it what is
// its own.
var privateSettings = []string{"index.uuid", "index.creation_date", "index.provided_name", "index.version.", "index.number_of_shards", "index.number_of_replicas", "index.resize.", "index.lifecycle.", "index.routing.allocation.initial_recovery.", "index.history.uuid", "index.hidden"}

// likeIndex describes another index like one that is there.
func likeIndex(s *scenarios.Scenario, name string) scenarios.IndexSection {
	var own map[string]string
	for _, ix := range s.Cluster.Indices {
		if ix.Name == name {
			own = ix.Settings
			if s.Imported() == nil {
				ix.Placement = nil
				return ix
			}
		}
	}
	from := indexOf(s.Imported().Cluster, name)
	replicas := from.Replicas
	out := scenarios.IndexSection{Shards: from.ShardCount, Replicas: &replicas, Settings: map[string]string{}}
	for _, settings := range []map[string]string{from.Settings, own} {
		for key, value := range settings { //determinism:allow map-order into a map
			if !slices.ContainsFunc(privateSettings, func(p string) bool { return strings.HasPrefix(key, p) }) {
				out.Settings[key] = value
			}
		}
	}
	return out
}

// growImported makes the copies larger where they are, and the disks fuller by as much.
func (m *growthModel) growImported(s *scenarios.Scenario, gone map[string]bool, grown func(string, int64) int64) error {
	c := *s.Imported().Cluster
	more := map[string]int64{} // bytes on each node
	c.Indices = nil
	for _, ix := range s.Imported().Indices {
		ix.Shards = slices.Clone(ix.Shards)
		whole := bytesOfPrimaries(&ix)
		factor := 1.0
		if whole > 0 {
			factor = float64(grown(ix.Name, whole)) / float64(whole)
		}
		for i := range ix.Shards {
			sh := &ix.Shards[i]
			sh.Copies = slices.Clone(sh.Copies)
			sh.KnownPrimary, sh.KnownReplica = scaled(sh.KnownPrimary, factor), scaled(sh.KnownReplica, factor)
			for j := range sh.Copies {
				cp := &sh.Copies[j]
				was := cp.Bytes.Or(0)
				cp.Bytes = scaled(cp.Bytes, factor)
				if gone[ix.Name] {
					more[cp.Node] -= was
				} else {
					more[cp.Node] += cp.Bytes.Or(0) - was
				}
			}
		}
		if !gone[ix.Name] {
			c.Indices = append(c.Indices, ix)
		}
	}
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		d := &c.Nodes[i].Disk
		by := more[c.Nodes[i].Name]
		d.Available, d.KnownAvailable = less(d.Available, by, d.Total), less(d.KnownAvailable, by, d.KnownTotal)
		if d.ByCopies.Known() {
			d.ByCopies = clusterfile.Computed(d.ByCopies.V + by)
		}
	}
	c.DataStreams = slices.Clone(c.DataStreams)
	for i := range c.DataStreams {
		d := &c.DataStreams[i]
		d.Indices = slices.DeleteFunc(slices.Clone(d.Indices), func(name string) bool { return gone[name] })
	}
	return s.Reimport(&c)
}

func scaled(n clusterfile.Number, factor float64) clusterfile.Number {
	if !n.Known() {
		return n
	}
	return clusterfile.Number{V: int64(float64(float64(n.V) * factor)), Tag: max(n.Tag, clusterfile.Derived)}
}

// less is what is left of a disk when so much more lies on it: never less than nothing.
func less(free clusterfile.Number, by int64, total clusterfile.Number) clusterfile.Number {
	if !free.Known() {
		return free
	}
	return clusterfile.Number{V: min(max(0, free.V-by), total.Or(free.V-min(by, 0))), Tag: max(free.Tag, clusterfile.Derived)}
}
