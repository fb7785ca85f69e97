package fidelity

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// moveLabels names moves so that they can be compared between runs in which nodes have
// other names and shards lie elsewhere: "7 of 12 → 2" is the copy with the seventh
// number of the twelve that its node held when the phase began, moved to a node that
// held two.
func moveLabels(obs []observed.Observation, at time.Duration, moves []observed.Move) []string {
	if len(moves) == 0 {
		return nil
	}
	held := holdings(obs, at)
	var out []string
	for _, m := range moves {
		from := held[m.From]
		rank := slices.Index(from, shardName(m.Index, m.Shard)) + 1
		if rank == 0 {
			// It had come in this phase: a second move.
			out = append(out, fmt.Sprintf("again, from %d → %d", len(from), len(held[m.To])))
			continue
		}
		out = append(out, fmt.Sprintf("%d of %d → %d", rank, len(from), len(held[m.To])))
	}
	return out
}

// shardName sorts by index, then number.
func shardName(index string, shard int) string { return fmt.Sprintf("%s[%05d]", index, shard) }

// holdings are the shards that each node held at a moment, sorted.
func holdings(obs []observed.Observation, at time.Duration) map[string][]string {
	shards := make(map[string][]observed.Copy)
	for _, o := range obs {
		if o.At >= at {
			break
		}
		fresh := make(map[string]bool)
		copies, _ := o.Sight.(observed.Copies)
		for _, c := range copies {
			name := shardName(c.Index, c.Shard)
			if !fresh[name] {
				fresh[name] = true
				shards[name] = nil
			}
			shards[name] = append(shards[name], c)
		}
	}
	out := make(map[string][]string)
	for _, name := range slices.Sorted(maps.Keys(shards)) {
		for _, c := range shards[name] {
			if c.Node != "" {
				out[c.Node] = append(out[c.Node], name)
			}
		}
	}
	return out
}

// sameOrder reports whether two sequences have the same moves in the same order, but for
// neighbours that may swap: two recoveries of a node go on at a time.
func sameOrder(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	used := make([]bool, len(b))
	for i, m := range a {
		found := false
		for j := max(i-1, 0); j <= min(i+1, len(b)-1) && !found; j++ {
			if !used[j] && b[j] == m {
				used[j], found = true, true
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// promotions counts the shards whose primary came to lie, in a phase, where a started
// replica had been. A primary that moved to another node is none.
func promotions(obs []observed.Observation, s span) int {
	count := 0
	shards := make(map[string][]observed.Copy)
	for _, o := range obs {
		if o.At >= s.until {
			break
		}
		now := make(map[string][]observed.Copy)
		var order []string
		copies, _ := o.Sight.(observed.Copies)
		for _, c := range copies {
			name := shardName(c.Index, c.Shard)
			if now[name] == nil {
				order = append(order, name)
			}
			now[name] = append(now[name], c)
		}
		for _, name := range order {
			if o.At >= s.at && promoted(shards[name], now[name]) {
				count++
			}
			shards[name] = now[name]
		}
	}
	return count
}

func promoted(was, is []observed.Copy) bool {
	for _, c := range is {
		if !c.Primary || c.Node == "" {
			continue
		}
		for _, old := range was {
			if old.Node != c.Node || old.Primary {
				continue
			}
			// Of a key-value shard without a primary nobody says that a copy is in sync.
			if old.State == "STARTED" || old.State == "RELOCATING" || old.ID != "" && old.ID == c.ID {
				return true
			}
		}
	}
	return false
}
