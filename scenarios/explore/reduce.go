package explore

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

// reducer makes the cluster of a find smaller, its load less and its controller simpler, as
// long as the plan breaks the same claim and nothing but the plan does.
//
// It changes the file's text, so that whatever stands there is read, completed and checked as
// any file is: what makes no sense is not tried.
type reducer struct {
	s     *search
	f     *Find
	whole *scenarios.Loaded // as the search has it
	root  yaml.MapSlice     // of the file, as far as it is reduced
	plan  chaos.Plan        // that of f, aimed at what is left of the cluster
	most  int               // runs
	runs  int
	held  map[string]bool // texts that did not break the claim
}

// reduce makes what is around a plan smaller with at most so many runs, and notes what became
// of it.
func (s *search) reduce(f *Find, most int) error {
	if most < 1 {
		return nil
	}
	root, err := s.root()
	if err != nil {
		return err
	}
	r := &reducer{s: s, f: f, root: root, plan: f.Plan, most: most, held: map[string]bool{}}
	if r.whole, _, err = s.written(f, root); err != nil {
		return fmt.Errorf("the scenario of what was found makes no sense: %w", err)
	}
	f.Smallest = r.run()
	f.Tries += r.runs
	if r.runs > 0 && len(differences(r.whole.Scenario, r.now())) > 0 {
		f.Smaller = differences(r.whole.Scenario, r.now())
		f.root, f.Plan = r.root, r.plan
	}
	return nil
}

// now is the scenario as far as it is reduced.
func (r *reducer) now() *scenarios.Scenario {
	l, _, err := r.s.written(r.aimed(r.plan), r.root)
	if err != nil {
		return r.whole.Scenario // what was accepted was read before
	}
	return l.Scenario
}

// run reduces, and reports whether nothing more could be taken away.
func (r *reducer) run() bool {
	if r.try(r.least()) {
		return true
	}
	for changed := true; changed; { // what one cut takes away may make room for an earlier one
		changed = false
		for _, cut := range cuts() {
			for again := true; again; {
				again = false
				for _, smaller := range cut(r.root) {
					if r.runs >= r.most || r.s.ctx.Err() != nil {
						return false
					}
					if again = r.try(smaller); again {
						changed = true
						break
					}
				}
			}
		}
	}
	return true
}

// least is the file after every cut that makes sense, tried or not: often all of them can go
// at once.
func (r *reducer) least() yaml.MapSlice {
	root := r.root
	for changed := true; changed; {
		changed = false
		for _, cut := range cuts() {
			for again := true; again; {
				again = false
				for _, smaller := range cut(root) {
					if _, _, ok := r.sensible(smaller); ok {
						root, again, changed = smaller, true, true
						break
					}
				}
			}
		}
	}
	return root
}

// sensible reads a candidate, and reports whether a plan that breaks it says anything.
// Faults that name what is gone are aimed at what stays.
func (r *reducer) sensible(root yaml.MapSlice) (*scenarios.Loaded, chaos.Plan, bool) {
	p, err := redirect(r.plan, r.root, root)
	if err != nil {
		return nil, p, false
	}
	l, _, err := r.s.written(r.aimed(p), root)
	return l, p, err == nil && r.fair(l.Scenario, p)
}

// aimed is what was found with another plan in its place.
func (r *reducer) aimed(p chaos.Plan) *Find {
	f := *r.f
	f.Plan = p
	return &f
}

// try goes over to a smaller file if it breaks the claim with the plan, and can bear to be
// without, and reports whether it does. It does not when no runs are left.
func (r *reducer) try(root yaml.MapSlice) bool {
	l, p, ok := r.sensible(root)
	if !ok || r.runs >= r.most || r.held[string(l.Text)] || string(l.Text) == string(r.text()) {
		return false
	}
	r.held[string(l.Text)] = true
	r.runs++
	d := r.s.play(l, r.f.Seed)
	if d == nil || !d.breaks(r.f.claim) || r.runs >= r.most {
		return false
	}
	r.runs++
	d = r.s.play(r.s.withoutFaults(l), r.f.Seed)
	if d == nil || d.result == nil || d.result.Aborted != nil || d.breaks(r.f.claim) {
		return false
	}
	r.root, r.plan = root, p
	return true
}

func (r *reducer) text() []byte {
	text, err := r.s.text(r.aimed(r.plan), r.root, "")
	if err != nil {
		return nil
	}
	return text
}

// withoutFaults is a scenario of what was found without the plan.
func (s *search) withoutFaults(l *scenarios.Loaded) *scenarios.Loaded {
	bare := *l.Scenario
	bare.Faults, bare.Expect = nil, nil
	for _, e := range l.Expect {
		if len(e.Check(&bare)) == 0 {
			bare.Expect = append(bare.Expect, e)
		}
	}
	out := *l
	out.Scenario = &bare
	return &out
}

// fair reports whether a smaller cluster bears as much of the plan as the whole one: no larger
// part of its nodes is down, the copies have room meanwhile, there are as many as survive it,
// and disks are no fuller. Otherwise every plan would break it.
func (r *reducer) fair(s *scenarios.Scenario, p chaos.Plan) bool {
	b := r.s.cfg.Scenario.Budget()
	was, is := r.whole.Topology(), s.Topology()
	downWas, down := b.Down(r.f.Plan.Entries, was), b.Down(p.Entries, is)
	nodesWas, nodes := len(was.Nodes)-len(was.Late), len(is.Nodes)-len(is.Late)
	if down*nodesWas > max(b.Ailing, downWas)*nodes {
		return false
	}
	if copies(was)+downWas <= nodesWas && copies(is)+down > nodes {
		return false
	}
	for _, ix := range is.Indices {
		i := slices.IndexFunc(was.Indices, func(o chaos.IndexShape) bool { return o.Name == ix.Name })
		if i >= 0 && ix.Replicas < min(was.Indices[i].Replicas, max(1, down)) {
			return false
		}
	}
	return nodes >= nodesWas || fullness(s) <= fullness(r.whole.Scenario)
}

// copies is how many of a shard there are at most.
func copies(t chaos.Topology) int {
	most := 0
	for _, ix := range t.Indices {
		most = max(most, 1+ix.Replicas)
	}
	return most
}

// fullness is the part of the disks that data takes.
func fullness(s *scenarios.Scenario) float64 {
	var bytes, disks int64
	for _, ix := range s.Cluster.Indices {
		n := int64(1)
		if ix.Replicas != nil {
			n += int64(*ix.Replicas)
		}
		bytes += n * int64(ix.Size)
	}
	for _, n := range s.NodeSpecs() {
		if !n.Late {
			disks += n.Disk
		}
	}
	return float64(bytes) / float64(max(disks, 1))
}

// differences says what of a scenario has become smaller.
func differences(from, to *scenarios.Scenario) []string {
	var out []string
	count := func(what string, was, is int) {
		if was != is {
			out = append(out, fmt.Sprintf("%s %d → %d", what, was, is))
		}
	}
	if from.Controller != nil && to.Controller == nil {
		out = append(out, "no controller")
	} else if from.Controller != nil && flowOf(from.Controller) != flowOf(to.Controller) {
		out = append(out, "a simpler controller")
	}
	a, b := from.Topology(), to.Topology()
	count("nodes", len(a.Nodes), len(b.Nodes))
	count("indices", len(a.Indices), len(b.Indices))
	shards := func(t chaos.Topology) (shards, all int) {
		for _, ix := range t.Indices {
			shards, all = shards+ix.Shards, all+ix.Shards*(1+ix.Replicas)
		}
		return shards, all
	}
	wasShards, wasCopies := shards(a)
	isShards, isCopies := shards(b)
	count("shards", wasShards, isShards)
	count("copies", wasCopies, isCopies)
	if fromLoad, toLoad := load(from), load(to); fromLoad != toLoad {
		out = append(out, fmt.Sprintf("operations %g/s → %g/s", fromLoad, toLoad))
	}
	if was, is := data(from), data(to); was != is {
		out = append(out, "less data")
	}
	return out
}

// load is how many operations a second the streams ask for.
func load(s *scenarios.Scenario) float64 {
	sum := 0.0
	for _, w := range s.Workload {
		sum += float64(w.Writes) + float64(w.Reads) + float64(w.Transfers)
		if w.Tracers != nil {
			sum += float64(*w.Tracers)
		}
	}
	return sum
}

// data is what all primaries take.
func data(s *scenarios.Scenario) int64 {
	var sum int64
	for _, ix := range s.Cluster.Indices {
		sum += int64(ix.Size)
	}
	if kv := s.Cluster.KV; kv != nil {
		sum += int64(kv.Items) * int64(kv.Value)
	}
	return sum
}

// root is the file explored, with the keys of mappings in their order.
func (s *search) root() (yaml.MapSlice, error) {
	parsed, err := source.Parse(s.cfg.Scenario.File, s.cfg.Scenario.Text)
	if err != nil {
		return nil, err
	}
	v, err := source.Ordered(parsed.Root())
	if err != nil {
		return nil, err
	}
	root, ok := v.(yaml.MapSlice)
	if !ok {
		return nil, fmt.Errorf("%s is no mapping", s.cfg.Scenario.File)
	}
	return root, nil
}
