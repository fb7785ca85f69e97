package oracle

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

const gb = 1 << 30

// drawNodes draws the members, and one that may join.
func (d *drawer) drawNodes() bool {
	if d.Size == Any {
		d.Size = pick(d, Small, Small, Small, Small, Medium, Medium, Medium, Large, Large)
	}
	count := 0
	switch d.Size {
	case Small:
		count, d.copies = d.between(2, 5), d.between(5, 10)
	case Medium:
		count, d.copies = d.between(4, 9), d.between(22, 78)
	case Large:
		count, d.copies = d.between(12, 13), d.between(260, 310)
	default:
		count, d.copies, d.c.MaxRounds = 100, 5000, 10
	}
	total, mixed := int64(pick(d, 1024, 2048, 4096)*gb), d.chance(0.3)
	shared := d.filters && d.chance(0.3)
	zones := d.between(2, 3)
	ids := d.drawIDs(count + 1)
	for i, id := range ids {
		n := cases.Node{
			ID: id, Name: fmt.Sprintf("data-%d", i+1), Host: fmt.Sprintf("10.0.0.%d", i+2),
			Attributes: make(map[string]string), Roles: []string{"data", "ingest"},
		}
		if shared {
			n.Host = fmt.Sprintf("10.0.0.%d", i/2+2)
		}
		if d.filters || d.family == "combined" {
			n.Attributes["zone"] = fmt.Sprintf("z%d", d.IntN(zones))
			n.Attributes["rack"] = fmt.Sprintf("r%d", d.IntN(4))
			n.Attributes["box"] = pick(d, "hot", "hot", "warm")
			if d.Bold && d.chance(0.05) {
				delete(n.Attributes, "zone")
			}
		}
		if d.usage && !d.chance(0.03) {
			n.Disk = &cases.Disk{TotalBytes: total}
			if mixed {
				n.Disk.TotalBytes = int64(pick(d, 205, 512, 1024, 2048, 4096) * gb)
			}
		}
		d.nodes = append(d.nodes, n)
	}
	if disk := d.nodes[count].Disk; disk != nil {
		disk.FreeBytes = disk.TotalBytes / 10 * 9
	}
	d.spare, d.nodes = &d.nodes[count], d.nodes[:count:count]
	d.c.Nodes = slices.Clone(d.nodes)
	if d.chance(0.12) {
		d.c.Nodes = append(d.c.Nodes, cases.Node{
			ID: d.text(6), Name: fmt.Sprintf("master-%d", count+1), Host: fmt.Sprintf("10.0.0.%d", count+2),
			Attributes: map[string]string{}, Roles: []string{"master"},
		})
	}
	if !apart(ids[:count], count) {
		return false
	}
	d.c.NodeOrder = nodeOrder(ids[:count])
	return true
}

// drawIDs draws ids that share no bucket when all are members.
func (d *drawer) drawIDs(n int) []string {
	ids := make([]string, 0, n)
	for attempts := 0; len(ids) < n; attempts++ {
		id := d.text(6)
		if apart(append(slices.Clone(ids), id), n) || attempts > 100*n {
			ids = append(ids, id)
		}
	}
	return ids
}

// fillDisks draws free bytes: near the watermarks in cases about disks, else as the copies leave them.
func (d *drawer) fillDisks() {
	used := make(map[string]int64)
	for _, idx := range d.c.Indices {
		for _, s := range idx.Shards {
			for _, c := range s.Copies {
				if s.SizeBytes != nil && c.Node != "" {
					used[c.Node] += *s.SizeBytes.Primary
				}
			}
		}
	}
	for i := range d.nodes {
		disk := d.nodes[i].Disk
		if disk == nil {
			continue
		}
		total := float64(disk.TotalBytes)
		free := max(total-float64(used[d.nodes[i].ID]), 0.1*total)
		if d.disks || d.chance(0.2) {
			free = total * pick(d, 0.02+0.28*d.Float64(), 0.1+0.1*d.Float64(), 0.3+0.4*d.Float64())
			if d.chance(0.15) {
				free = total * pick(d, 0.05, 0.1, 0.15, 0.2, 0.25)
			}
		}
		if d.Bold && d.chance(0.02) {
			free = pick(d, 0, total)
		}
		disk.FreeBytes = int64(free)
	}
}

// drawWeights draws how copies that exist are spread over the nodes.
func (d *drawer) drawWeights() {
	d.weights = make([]float64, len(d.nodes))
	kind := pick(d, "even", "even", "skewed", "hot", "empty")
	if d.uneven {
		kind = pick(d, "skewed", "skewed", "hot", "empty", "even")
	}
	for i := range d.weights {
		d.weights[i] = 1
		if kind == "skewed" {
			d.weights[i] = pick(d, 12.0, 4, 2, 1)
		}
	}
	switch kind {
	case "hot":
		d.weights[0] = 5
	case "empty":
		for _, i := range d.Perm(len(d.weights))[:max(1, len(d.weights)/4)] {
			d.weights[i] = 0
		}
	}
}

// place draws a node other than those given, "" if there is none.
func (d *drawer) place(taken []string) string {
	sum := 0.0
	var free []int
	for i, n := range d.nodes {
		if !slices.Contains(taken, n.ID) {
			free = append(free, i)
			sum += d.weights[i]
		}
	}
	if len(free) == 0 {
		return ""
	}
	x := d.Float64() * sum
	for _, i := range free {
		if x -= d.weights[i]; x < 0 {
			return d.nodes[i].ID
		}
	}
	return d.nodes[pick(d, free...)].ID
}

// copyOf is a node as it returns.
func copyOf(n cases.Node) *cases.Node {
	n.Attributes = maps.Clone(n.Attributes)
	if n.Disk != nil {
		disk := *n.Disk
		n.Disk = &disk
	}
	return &n
}
