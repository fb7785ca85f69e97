package planning

import (
	"context"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/scenarios"
)

// batch is how many runs of a fleet are made before it is looked at whether it has failed. It
// is always the same number, whatever the machine: what is told of a fleet hangs on it.
const batch = 8

// sampledNodes is of how many nodes of a fleet the loss is simulated; they are alike.
const sampledNodes = 6

// What a tier is, compared with what it needs.
const (
	Under     = "under-provisioned"
	Right     = "right-provisioned"
	Over      = "over-provisioned"
	Undecided = "undecided"
)

// Size is the smallest fleet for each tier.
type Size struct {
	File  string   `json:"file"`
	Tiers []Sized  `json:"tiers"`
	Notes []string `json:"notes"`
}

// Sized is a tier with the smallest fleets of each type of machine.
type Sized struct {
	Tier string `json:"tier"`
	// Now is how many nodes it has, and Price what they cost: null where no machine of the file
	// is like them.
	Now     int      `json:"nodes_now"`
	Price   *float64 `json:"price_now"`
	Verdict string   `json:"verdict"`
	Reason  string   `json:"reason"`
	// Fewest is how many nodes like those that are there suffice; null: no number of them that was
	// tried does.
	Fewest *int `json:"fewest_as_they_are"`
	// Winner is the cheapest fleet that meets all objectives; nil: none does.
	Winner *Fleet `json:"winner"`
	// Binding is what the next smaller fleet of the same machines lacks.
	Binding string `json:"binding,omitempty"`
	// Tried are all fleets that were simulated, by machine and number.
	Tried []Fleet `json:"tried"`
	// Frontier are those that no other beats in both price and time to green.
	Frontier []Fleet `json:"frontier"`
}

// Fleet is so many nodes of one type of machine, and what became of the objectives.
type Fleet struct {
	Machine string            `json:"machine"`
	Nodes   int               `json:"nodes"`
	Price   *float64          `json:"price"`
	Verdict scenarios.Verdict `json:"verdict"`
	// Green is the longest that any loss takes until green, over all seeds; null: never, or not
	// all runs were made, for the objectives had failed.
	Green *float64 `json:"green_s"`
	Tag   string   `json:"green_tag"` // how sure that time is
	// Limit is what binds where the objectives fail, and Reason the outcome.
	Limit  string `json:"limit,omitempty"`
	Reason string `json:"reason,omitempty"`
	Runs   int    `json:"runs"`
}

// sizing searches the fleets of one tier.
type sizing struct {
	c     *Config
	b     *bench
	s     *side // as it is
	tier  string
	most  int
	tried map[fleet]Fleet
}

// size finds the smallest fleet of each tier that has candidates; nil where nobody asks.
func (c *Config) size(ctx context.Context, b *bench, s *side) (*Size, error) {
	if c.Machines == "" {
		return nil, nil
	}
	file, err := readMachines(c.Machines, tiersOf(s.loaded.Scenario))
	if err != nil {
		return nil, err
	}
	out := &Size{File: c.Machines, Tiers: []Sized{}, Notes: []string{}}
	if s.loaded.Imported() != nil {
		out.Notes = append(out.Notes, "fleets are simulated with all copies placed afresh, not where the import has them")
	}
	for _, tier := range tiersOf(s.loaded.Scenario) {
		var candidates []*Machine
		for i := range file.Machines {
			if file.Machines[i].Tier == tier {
				candidates = append(candidates, &file.Machines[i])
			}
		}
		if len(candidates) == 0 {
			continue
		}
		z := &sizing{c: c, b: b, s: s, tier: tier, most: file.Most, tried: map[fleet]Fleet{}}
		sized, err := z.search(ctx, candidates)
		out.Tiers = append(out.Tiers, sized)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// search finds the smallest fleet of each machine, then of all the cheapest.
func (z *sizing) search(ctx context.Context, candidates []*Machine) (Sized, error) {
	now := asNow(z.s.loaded.Scenario, z.tier)
	out := Sized{Tier: z.tier, Now: len(tierNodes(z.s.loaded.Scenario, z.tier))}
	for _, m := range candidates {
		if like := *m; like.CPUs == now.CPUs && like.Heap == now.Heap && like.Disk == now.Disk && like.Network == now.Network {
			now.Price = m.Price
			price := *m.Price * float64(out.Now)
			out.Price = &price
		}
	}
	var winner *fleet
	for _, m := range append([]*Machine{now}, candidates...) {
		n, err := z.fewest(ctx, m)
		if err != nil {
			out.close(z, winner)
			return out, err
		}
		switch {
		case n == 0:
		case m.asNow:
			out.Fewest = &n
		case winner == nil || *m.Price*float64(n) < *winner.machine.Price*float64(winner.nodes):
			winner = &fleet{m, n}
		}
		if n > 0 && !m.asNow { // what more of them would give
			for _, more := range []int{n + 1, n + (n+1)/2} {
				if _, err := z.try(ctx, fleet{m, min(more, z.most)}); err != nil {
					return out, err
				}
			}
		}
	}
	out.close(z, winner)
	return out, nil
}

// fewest is the smallest number of nodes of a machine that meets all objectives, 0: none that
// was tried does. Numbers are tried upwards from what arithmetic says until one does, then
// downwards: the next smaller than the answer has always been simulated, and failed.
func (z *sizing) fewest(ctx context.Context, m *Machine) (int, error) {
	low := z.needed(m)
	n, failed, same := low, low-1, 0
	why := ""
	for step := 1; ; step *= 2 {
		got, err := z.try(ctx, fleet{m, n})
		if err != nil {
			return 0, err
		}
		if got.Verdict == scenarios.Pass {
			break
		}
		failed = n
		if same++; got.Limit != why {
			why, same = got.Limit, 1
		}
		if hopeless := why == limitLostCopies || why == limitPatience || why == limitPlaces+": same_shard"; n >= z.most || hopeless && same >= 3 {
			return 0, nil
		}
		n = min(n+step, z.most)
	}
	for n-failed > 1 {
		mid := failed + (n-failed)/2
		got, err := z.try(ctx, fleet{m, mid})
		if err != nil {
			return 0, err
		}
		if got.Verdict == scenarios.Pass {
			n = mid
		} else {
			failed = mid
		}
	}
	for n-1 >= z.least() { // below what arithmetic needs, or where thresholds move, there may be one yet
		got, err := z.try(ctx, fleet{m, n - 1})
		if err != nil {
			return 0, err
		}
		if got.Verdict != scenarios.Pass {
			break
		}
		n--
	}
	return n, nil
}

// least is the smallest number of nodes for which the objectives make sense.
func (z *sizing) least() int {
	least := 2
	for _, l := range z.s.losses {
		if !slices.ContainsFunc(z.s.objectives, func(o objective) bool { return o.after(l) }) {
			continue
		}
		switch {
		case l.Kind == Pair:
			least = max(least, 3)
		case !slices.Contains([]string{Nothing, Node, Master, Restart, Upgrade, Drain}, l.Kind):
			values, _ := valuesOf(tierNodes(z.s.loaded.Scenario, z.tier), l.Kind)
			least = max(least, len(values))
		}
	}
	return least
}

// needed is how many nodes the bytes alone need, with their disks nine tenths full.
func (z *sizing) needed(m *Machine) int {
	sc := z.s.loaded.Scenario
	if len(tiersOf(sc)) > 1 {
		return z.least() // which bytes are on which tier the cluster decides
	}
	bytes := bytesOf(sc)
	return min(max(z.least(), int((bytes+int64(m.Disk)*9/10-1)/(int64(m.Disk)*9/10))), z.most)
}

// try simulates a fleet, once.
func (z *sizing) try(ctx context.Context, f fleet) (Fleet, error) {
	if got, done := z.tried[f]; done {
		return got, nil
	}
	out := Fleet{Machine: f.machine.Name, Nodes: f.nodes, Tag: z.s.tags.times.String()}
	if f.machine.Price != nil {
		price := *f.machine.Price * float64(f.nodes)
		out.Price = &price
	}
	s := *z.s
	loaded := *z.s.loaded
	loaded.Amend(f.refit)
	s.loaded, s.runs, s.mayRefuse = &loaded, nil, true
	s.label = fmt.Sprintf("%d %s", f.nodes, f.machine.Name)
	s.losses = z.losses(&s)
	cells := s.cells(z.c.Seeds, nil)
	for len(cells) > 0 && out.Verdict != scenarios.Fail {
		n := min(batch, len(cells))
		if err := z.b.run(ctx, "fleet of "+s.label, cells[:n]); err != nil {
			return out, err
		}
		out.read(&s, cells[:n])
		cells = cells[n:]
	}
	if len(cells) > 0 {
		out.Green = nil
	}
	z.tried[f] = out
	return out, nil
}

// losses are those of a fleet that objectives are for: nothing, attributes and the master, then
// the loss of some of its nodes, for they are alike.
func (z *sizing) losses(s *side) []Loss {
	want := wanted{only: z.c.Losses}
	for _, l := range z.s.losses {
		if l.Kind == Pair {
			want.pairs = true
		}
		if !slices.Contains(want.attributes, l.Kind) && !slices.Contains([]string{Nothing, Node, Master, Pair, Restart, Upgrade, Drain}, l.Kind) {
			want.attributes = append(want.attributes, l.Kind)
		}
	}
	all, _ := lossesOf(s.loaded.Scenario, want)
	count := map[string]int{}
	for _, l := range all {
		count[l.Kind]++
	}
	seen := map[string]int{}
	var out []Loss
	for _, first := range []bool{true, false} {
		for _, l := range all {
			node := slices.Contains([]string{Node, Drain, Pair}, l.Kind)
			if node == first || !slices.ContainsFunc(s.objectives, func(o objective) bool { return o.after(l) }) {
				continue
			}
			if node {
				every := (count[l.Kind] + sampledNodes - 1) / sampledNodes
				if seen[l.Kind]++; (seen[l.Kind]-1)%every != 0 {
					continue
				}
			}
			out = append(out, l)
		}
	}
	return out
}

// read takes in what the runs of a fleet came to, in their order.
func (f *Fleet) read(s *side, cells []cell) {
	if f.Verdict == "" {
		f.Verdict = scenarios.Pass
		f.Green = scenarios.Number(0)
	}
	for _, x := range cells {
		r := s.runs[x.loss][x.seed]
		f.Runs++
		if r.Seen.Green == nil {
			f.Green = nil
		}
		f.Green = longerOf(f.Green, r.Seen.Green)
		for i := range s.objectives {
			for _, got := range s.outcomes(r, s.losses[x.loss], i) {
				if rank(got.Verdict) <= rank(f.Verdict) {
					continue
				}
				f.Verdict = got.Verdict
				f.Reason = fmt.Sprintf("%s: %s, seed %d: %s", s.objectives[i].name, s.losses[x.loss], x.seed+1, got.Reason)
				f.Limit = bindingLimit(s, &s.objectives[i], judgedOn{&got, got.Verdict, got.Reason, s.losses[x.loss].String(), &r.Seen})
			}
		}
	}
}
