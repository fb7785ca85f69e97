package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// computer simulates the cluster until it is balanced (DesiredBalanceComputer).
type computer struct {
	*pass
	input    *computationInput
	previous *desiredBalance

	// withoutPrimary are shards whose unassigned primary is none of our business.
	withoutPrimary map[*routing.Shard]bool
	// targets are nodes wanted for unassigned copies; equal copies share a queue.
	targets map[ignoredKey]*[]string

	// aside are how many of the ignored copies, those in front, are ones that the reroute had
	// ignored, and lead how many of them are primaries, once they are sorted out.
	aside, lead int
	sorted      bool

	// places is a hash of where all started copies are; seen counts how often an
	// iteration ended with it.
	places uint64
	seen   map[uint64]int
}

// repeats is how often the copies may come back to the same places before the
// computation is taken for endless.
const repeats = 10

// compute returns the desired balance, the number of iterations it took and whether
// it converged.
func (s *Service) compute(input *computationInput, previous *desiredBalance) (*desiredBalance, int, bool) {
	c := &computer{
		pass: s.newPass(input.st, input.in), input: input, previous: previous,
		withoutPrimary: make(map[*routing.Shard]bool), targets: make(map[ignoredKey]*[]string), seen: make(map[uint64]int),
	}
	defer c.close()
	c.Simulating = true
	if len(c.Nodes) == 0 {
		return &desiredBalance{empty: true}, 0, true
	}
	sim := c.newSimulatedInfo()
	c.startAll(sim)
	c.setAsideIgnored()
	c.applyPrevious(sim)
	c.initializeWanted(sim)
	for _, move := range s.moves {
		// A move that is no longer possible is of no interest.
		_, _ = c.execute(move, false)
	}
	s.moves = nil
	iterations, converged := c.iterate(sim)
	return c.collect(), iterations, converged
}

// startAll completes all recoveries and reports whether there were any.
func (c *computer) startAll(sim *simulatedInfo) bool {
	any := false
	for _, n := range c.Nodes {
		if len(n.Initializing) == 0 {
			continue
		}
		any = true
		for r := n.Head; r != nil; {
			next := r.Next
			if r.Initializing() {
				sim.started(r)
				c.moved(r)
				c.Start(r, 0)
			}
			r = next
		}
	}
	return any
}

// moved takes a copy that is about to start into the hash of places.
func (c *computer) moved(r *routing.Copy) {
	id := uint64(r.Shard.Index.Pos)<<40 | uint64(r.Shard.Number)<<20
	c.places ^= mix(id | uint64(r.Node.Pos))
	if r.Other != nil {
		c.places ^= mix(id | uint64(r.Other.Pos))
	}
}

// mix spreads a key over 64 bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// setAsideIgnored ignores the copies that the reroute had ignored, unless the node
// they were on is back.
func (c *computer) setAsideIgnored() {
	if len(c.input.ignored) == 0 {
		return
	}
	for _, primary := range [...]bool{true, false} {
		c.FilterUnassigned(func(r *routing.Copy) bool { return r.Primary == primary }, func(r *routing.Copy) bool {
			if c.ByID[r.Info.LastNode] != nil || !c.wasIgnored(r) {
				return false
			}
			c.Ignore(r, state.NoAttempt)
			if r.Primary {
				c.withoutPrimary[r.Shard] = true
			}
			return true
		})
	}
}

// wasIgnored reports whether the reroute had ignored an unassigned copy. What that hangs on
// does not change while the copy has no node.
func (c *computer) wasIgnored(r *routing.Copy) bool {
	if r.WasIgnored == routing.Unknown {
		r.WasIgnored = routing.KnownNot
		if c.input.ignored[keyOf(r)] {
			r.WasIgnored = routing.KnownSo
		}
	}
	return r.WasIgnored == routing.KnownSo
}

// wanted is what the previous desired balance asks of one shard.
type wanted struct {
	shard      *routing.Shard
	unassigned []*routing.Copy
	hash       int32
}

// applyPrevious moves started copies to where the previous desired balance wants
// them and notes nodes for unassigned ones. Shards come in the order of the HashMap
// that Elasticsearch gathers them in.
func (c *computer) applyPrevious(sim *simulatedInfo) {
	for _, w := range c.shardsInHashOrder() {
		targets := c.targetNodes(w)
		var misplaced []*routing.Copy
		for _, r := range w.shard.Assigned {
			if i, ok := slices.BinarySearch(targets, r.Node.ID); ok {
				targets = slices.Delete(targets, i, i+1)
			} else {
				misplaced = append(misplaced, r)
			}
		}
		slices.SortStableFunc(misplaced, func(a, b *routing.Copy) int { return cmp.Compare(a.Node.ID, b.Node.ID) })
		for _, r := range misplaced {
			targets = c.relocateToFirst(r, targets, sim)
		}
		for _, r := range w.unassigned {
			if len(targets) == 0 {
				break
			}
			k := keyOf(r)
			if c.targets[k] == nil {
				c.targets[k] = new([]string)
			}
			*c.targets[k] = append(*c.targets[k], targets[0])
			targets = targets[1:]
		}
	}
}

// relocateToFirst moves a copy to the first target that does not refuse it, and
// returns the targets after that.
func (c *computer) relocateToFirst(r *routing.Copy, targets []string, sim *simulatedInfo) []string {
	for len(targets) > 0 {
		n := c.ByID[targets[0]]
		targets = targets[1:]
		if c.canAllocate(r, n) != No {
			target := c.Relocate(r, n, 0)
			sim.started(target)
			c.Start(target, 0)
			break
		}
	}
	return targets
}

// targetNodes are the nodes, by id, that the shard's copies should be on: those of
// the previous desired balance and those that unassigned copies were last on.
func (c *computer) targetNodes(w wanted) []string {
	var targets []string
	if a := c.previous.of(w.shard); a != nil {
		for _, id := range a.Nodes {
			if c.ByID[id] != nil {
				targets = append(targets, id)
			}
		}
	}
	for _, r := range w.unassigned {
		if c.ByID[r.Info.LastNode] != nil {
			targets = append(targets, r.Info.LastNode)
		}
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

// shardsInHashOrder lists the shards that may need something: shards with unassigned
// copies entered the map first, then the others, in the order of RoutingNodes' own map.
func (c *computer) shardsInHashOrder() []wanted {
	byShard := make(map[*routing.Shard]int)
	var list []wanted
	for _, primary := range [...]bool{true, false} {
		for _, r := range c.Unassigned {
			if r.Primary != primary {
				continue
			}
			i, ok := byShard[r.Shard]
			if !ok {
				i = len(list)
				byShard[r.Shard] = i
				list = append(list, wanted{shard: r.Shard, hash: shardHash(r.Shard)})
			}
			list[i].unassigned = append(list[i].unassigned, r)
		}
	}
	assigned, shards := []wanted(nil), len(list)
	count := 0
	for _, idx := range c.Indices {
		for _, s := range idx.Shards {
			if len(s.Assigned) == 0 {
				continue
			}
			count++
			if _, ok := byShard[s]; ok {
				continue
			}
			shards++
			if c.misplaced(s) {
				assigned = append(assigned, wanted{shard: s, hash: shardHash(s)})
			}
		}
	}
	c.sortAssigned(assigned, count)
	list = append(list, assigned...)
	table := javaorder.NewTable()
	table.GrowByComputing(shards, table.Doubles(shards) && c.lastIsNew(byShard, count))
	javaorder.SortComputed(table, list, hashOf)
	return list
}

func hashOf(w wanted) int32 { return w.hash }

// sortAssigned puts shards with assigned copies into the order of RoutingNodes' map of
// them: it is gathered from the routing table copy by copy, and the simulation gets a
// copy of it.
func (c *computer) sortAssigned(list []wanted, count int) {
	gathered := javaorder.NewTableFor(len(c.Indices))
	gathered.GrowByComputing(count, lastIsAlone(c.input.st))
	javaorder.SortComputed(gathered, list, hashOf)
	copied := javaorder.NewTableFor(count)
	copied.Grow(count)
	javaorder.Sort(copied, list, hashOf)
}

// lastIsAlone reports whether the last shard of a routing table that has a node at all
// has one only.
func lastIsAlone(st *state.State) bool {
	for _, t := range slices.Backward(st.Routing.Indices) {
		for _, s := range slices.Backward(t.Shards) {
			nodes := 0
			for _, c := range s.Copies {
				if c.Node != "" {
					nodes++
				}
				if c.Other != "" {
					nodes++
				}
			}
			if nodes > 0 {
				return nodes == 1
			}
		}
	}
	return false
}

// lastIsNew reports whether the last shard to enter the map, after those with unassigned
// copies, is not among them.
func (c *computer) lastIsNew(unassigned map[*routing.Shard]int, count int) bool {
	if count == 0 {
		r := c.lastUnassigned()
		return r != nil && !slices.ContainsFunc(c.Unassigned, func(x *routing.Copy) bool { return x != r && x.Shard == r.Shard })
	}
	all := make([]wanted, 0, count)
	for _, idx := range c.Indices {
		for _, s := range idx.Shards {
			if len(s.Assigned) > 0 {
				all = append(all, wanted{shard: s, hash: shardHash(s)})
			}
		}
	}
	c.sortAssigned(all, count)
	_, known := unassigned[all[count-1].shard]
	return !known
}

// lastUnassigned is the last unassigned copy, primaries first.
func (c *computer) lastUnassigned() *routing.Copy {
	for _, primary := range [...]bool{false, true} {
		for _, r := range slices.Backward(c.Unassigned) {
			if r.Primary == primary {
				return r
			}
		}
	}
	return nil
}

// misplaced reports whether a fully assigned shard has a copy outside the previous
// desired balance while a desired node is free.
func (c *computer) misplaced(s *routing.Shard) bool {
	a := c.previous.of(s)
	if a == nil {
		return false
	}
	for _, r := range s.Assigned {
		if !slices.Contains(a.Nodes, r.Node.ID) {
			return true
		}
	}
	return false
}

// shardHash is ShardId.hashCode.
func shardHash(s *routing.Shard) int32 {
	m := s.Index.Meta
	return 31*(31*javaorder.StringHash(m.Name)+javaorder.StringHash(m.UUID)) + int32(s.Number)
}

// initializeWanted puts unassigned copies on the nodes noted for them.
func (c *computer) initializeWanted(sim *simulatedInfo) {
	if len(c.targets) == 0 {
		return
	}
	for _, primary := range [...]bool{true, false} {
		c.FilterUnassigned(func(r *routing.Copy) bool {
			return r.Primary == primary && (primary || !c.withoutPrimary[r.Shard])
		}, func(r *routing.Copy) bool {
			queue := c.targets[keyOf(r)]
			if queue == nil || len(*queue) == 0 {
				return false
			}
			n := c.ByID[(*queue)[0]]
			*queue = (*queue)[1:]
			if c.canAllocate(r, n) == No {
				return false
			}
			c.Initialize(r, n, "", 0)
			sim.started(r)
			c.Start(r, 0)
			return true
		})
	}
}

// iterate runs the balancer and completes what it began, until it begins nothing. There
// are states of which Elasticsearch moves copies around for ever, until newer input
// interrupts it; here the computation ends when the copies keep coming back to the same places.
func (c *computer) iterate(sim *simulatedInfo) (iterations int, converged bool) {
	var b *balancer
	for i := 1; ; i++ {
		if i > 1 {
			c.takeBackIgnored()
		}
		resized := sim.publish()
		if b == nil {
			b = newBalancer(c.pass)
		} else {
			b.resized(resized)
			b.refresh()
		}
		b.run()
		if !c.startAll(sim) {
			return i, true
		}
		if c.seen[c.places]++; c.seen[c.places] > repeats {
			return i, false
		}
	}
}

// takeBackIgnored makes ignored copies unassigned again, but for those that the
// reroute had ignored. Elasticsearch leaves its counters as they are.
func (c *computer) takeBackIgnored() {
	if c.sorted {
		// Those in front come off the list of unassigned copies and are ignored again.
		c.Unassigned = append(c.Unassigned, c.Ignored[c.aside:]...)
		c.Ignored = c.Ignored[:c.aside]
		c.Primaries, c.IgnoredPrimaries = c.Primaries-c.lead, c.IgnoredPrimaries+c.lead
		return
	}
	c.Unassigned = append(c.Unassigned, c.Ignored...)
	c.Ignored = nil
	if len(c.input.ignored) > 0 {
		c.FilterUnassigned(c.wasIgnored, func(r *routing.Copy) bool {
			c.Ignore(r, state.NoAttempt)
			if r.Primary {
				c.lead++
			}
			return true
		})
	}
	c.sorted, c.aside = true, len(c.Ignored)
}

// collect reads the desired balance off the simulated cluster.
func (c *computer) collect() *desiredBalance {
	d := &desiredBalance{byIndex: make(map[string][]*Assignment, len(c.Indices)), empty: true}
	for _, idx := range c.Indices {
		list := make([]*Assignment, len(idx.Shards))
		for num, s := range idx.Shards {
			if len(s.Assigned) == 0 {
				continue
			}
			d.empty = false
			a := &Assignment{Nodes: make([]string, len(s.Assigned)), Total: len(s.Assigned)}
			for i, r := range s.Assigned {
				a.Nodes[i] = r.Node.ID
			}
			list[num] = a
		}
		d.byIndex[idx.Meta.UUID] = list
	}
	for _, r := range c.Ignored {
		d.empty = false
		list := d.byIndex[r.Shard.Index.Meta.UUID]
		a := list[r.Shard.Number]
		if a == nil {
			a = &Assignment{}
			list[r.Shard.Number] = a
		}
		a.Total++
		a.Unassigned++
		if r.Info.LastStatus != state.DecidersNo {
			a.Ignored++
		}
	}
	return d
}
