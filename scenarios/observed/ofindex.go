package observed

import (
	"maps"
	"slices"
)

// OfIndex is the history of one index: its copies, and a health that is theirs alone.
func (h *History) OfIndex(index string) *History {
	if index == "" {
		return h
	}
	out := *h
	out.Observations = make([]Observation, 0, len(h.Observations))
	shards, last := map[int][]Copy{}, Health{}
	seen := false
	for _, o := range h.Observations {
		switch s := o.Sight.(type) {
		case Health:
			last = s
			if !seen {
				continue
			}
			o.Sight = healthOf(shards, last)
		case Copies:
			own := slices.DeleteFunc(slices.Clone(s), func(c Copy) bool { return c.Index != index })
			if len(own) == 0 {
				continue
			}
			seen = true
			for _, c := range own { // all copies of each shard that is named
				delete(shards, c.Shard)
			}
			for _, c := range own {
				shards[c.Shard] = append(shards[c.Shard], c)
			}
			out.Observations = append(out.Observations, Observation{At: o.At, Sight: Copies(own)})
			o.Sight = healthOf(shards, last)
		}
		out.Observations = append(out.Observations, o)
	}
	return &out
}

// healthOf is the health of shards in a cluster.
func healthOf(shards map[int][]Copy, of Health) Health {
	out := Health{Status: "green", Master: of.Master, Nodes: of.Nodes, Blocks: of.Blocks}
	for _, num := range slices.Sorted(maps.Keys(shards)) {
		for _, c := range shards[num] {
			switch c.State {
			case "STARTED", "RELOCATING":
				out.Active++
				if c.Primary {
					out.Primaries++
				}
				if c.State == "RELOCATING" {
					out.Relocating++
				}
				continue
			case "INITIALIZING":
				out.Initializing++
			default:
				out.Unassigned++
				if c.Delayed {
					out.Delayed++
				}
			}
			switch {
			case c.Primary:
				out.Status = "red"
			case out.Status == "green":
				out.Status = "yellow"
			}
		}
	}
	if !of.Master {
		out.Status = "red"
	}
	return out
}
