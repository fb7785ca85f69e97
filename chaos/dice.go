package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/units"
)

// Dice draw the parameters of faults for random plans. What they draw hangs on nothing but
// the stream, the cluster and the limits.
type Dice struct {
	Rand     *rand.Rand
	Topology Topology
	// Zone is the attribute whose values are zones, of which nodes are drawn; "": there are none.
	// Whole is whether whole zones are, too.
	Zone  string
	Whole bool
	// Shortest and Longest are how long a fault may last.
	Shortest, Longest time.Duration
}

// Pick is one of several, each as likely as the others.
func Pick[T any](d *Dice, of ...T) T { return of[d.Rand.IntN(len(of))] }

// Node is a node, half of the time by its name and half by its role.
func (d *Dice) Node() Selector {
	t := d.Topology
	if zones := d.zones(); len(zones) > 1 && d.Rand.IntN(6) == 0 {
		return Selector("node(" + d.Zone + "=" + Pick(d, zones...) + ")")
	}
	if len(t.Indices) == 0 || d.Rand.IntN(2) == 0 {
		return Selector(Pick(d, t.Nodes[:len(t.Nodes)-len(t.Late)]...))
	}
	index, shard := d.Shard()
	if index.Replicas > 0 && d.Rand.IntN(4) == 0 {
		return Selector(fmt.Sprintf("replica(%s,%d)", index.Name, shard))
	}
	return Pick(d, "master", "follower", "fullest", Selector(fmt.Sprintf("primary(%s,%d)", index.Name, shard)))
}

// Nodes is a node, or all nodes of a zone where plans may have that.
func (d *Dice) Nodes() Selector {
	if zones := d.zones(); d.Whole && len(zones) > 1 && d.Rand.IntN(6) == 0 {
		return Selector(d.Zone + "=" + Pick(d, zones...))
	}
	return d.Node()
}

// zones are those of the nodes that start with the cluster, in the order of the nodes.
func (d *Dice) zones() []string {
	var out []string
	for i, n := range d.Topology.Nodes {
		if d.Zone == "" || i >= len(d.Topology.Attributes) || slices.Contains(d.Topology.Late, n) {
			continue
		}
		if v := d.Topology.Attributes[i][d.Zone]; v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// Shard is a shard of an index.
func (d *Dice) Shard() (IndexShape, int) {
	i := Pick(d, d.Topology.Indices...)
	return i, d.Rand.IntN(i.Shards)
}

// Lasting is a time that a fault lasts: short ones as often as long ones, in whole tenths of
// a second.
func (d *Dice) Lasting() units.Duration {
	lasts, step := d.Longest, d.Rand.Float64()
	for step > 0.2 && lasts/2 >= d.Shortest { // halved up to four times, one in five each
		lasts, step = lasts/2, step-0.2
	}
	return units.Duration(max(lasts.Round(100*time.Millisecond), d.Shortest))
}

// between is a number of a range.
func (d *Dice) between(from, to int) int { return from + d.Rand.IntN(to-from+1) }
