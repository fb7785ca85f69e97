package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/internal/units"
)

// Dice draw the parameters of faults for random plans. What they draw hangs on nothing but
// the stream, the cluster and the limits.
type Dice struct {
	Rand     *rand.Rand
	Topology Topology
	// Shortest and Longest are how long a fault may last.
	Shortest, Longest time.Duration
}

// Pick is one of several, each as likely as the others.
func Pick[T any](d *Dice, of ...T) T { return of[d.Rand.IntN(len(of))] }

// Node is a node, half of the time by its name and half by its role.
func (d *Dice) Node() Selector {
	t := d.Topology
	if len(t.Indices) == 0 || d.Rand.IntN(2) == 0 {
		return Selector(Pick(d, t.Nodes[:len(t.Nodes)-len(t.Late)]...))
	}
	index, shard := d.Shard()
	if index.Replicas > 0 && d.Rand.IntN(4) == 0 {
		return Selector(fmt.Sprintf("replica(%s,%d)", index.Name, shard))
	}
	return Pick(d, "master", "follower", "fullest", Selector(fmt.Sprintf("primary(%s,%d)", index.Name, shard)))
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
