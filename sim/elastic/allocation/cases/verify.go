package cases

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// report gathers how many cases agree with their recordings.
type report struct {
	types    []string
	families []*family
}

// family is the outcome of the cases of one family.
type family struct {
	name  string
	cases int
	// By type: how many were recorded, how many agree, and the first difference.
	recorded, agree map[string]int
	first           map[string]*difference
}

// difference is where a run first departs from its recording.
type difference struct {
	caseName, allocator string
	round               int    // 0: not in a round
	what                string // which part of the round
	got, want           string
	shard               *allocation.ShardID // nil: none to blame
	behind              string              // weights and deciders
}

func newReport(types []string) *report { return &report{types: types} }

func (r *report) family(name string) *family {
	for _, f := range r.families {
		if f.name == name {
			return f
		}
	}
	f := &family{name: name, recorded: make(map[string]int), agree: make(map[string]int), first: make(map[string]*difference)}
	r.families = append(r.families, f)
	return f
}

// add runs a case and compares.
func (r *report) add(c *Case) error {
	f := r.family(c.Family)
	f.cases++
	for _, t := range r.types {
		want := c.Expected.of(t)
		if want == nil {
			continue
		}
		f.recorded[t]++
		got, err := Run(c, t)
		if err != nil {
			return err
		}
		d := compare(got, want)
		if d == nil {
			f.agree[t]++
			continue
		}
		if f.first[t] == nil {
			d.caseName, d.allocator = c.Name, t
			if d.behind, err = behind(c, d); err != nil {
				return err
			}
			f.first[t] = d
		}
	}
	return nil
}

func (r *report) differ() bool {
	for _, f := range r.families {
		if len(f.first) > 0 {
			return true
		}
	}
	return false
}

// write prints the table and the first differences.
func (r *report) write(w io.Writer) error {
	slices.SortStableFunc(r.families, func(a, b *family) int { return cmp.Compare(a.name, b.name) })
	compared := 0
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "family\tcases\t%s\n", strings.Join(r.types, "\t"))
	for _, f := range r.families {
		fmt.Fprintf(t, "%s\t%d", f.name, f.cases)
		for _, typ := range r.types {
			compared += f.recorded[typ]
			fmt.Fprintf(t, "\t%d of %d agree", f.agree[typ], f.recorded[typ])
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if compared == 0 {
		return fmt.Errorf("nothing to verify: no case has recorded decisions")
	}
	for _, f := range r.families {
		for _, typ := range r.types {
			if d := f.first[typ]; d != nil {
				fmt.Fprintf(w, "\n%s, %s: first difference in case %s", f.name, typ, d.caseName)
				d.write(w)
			}
		}
	}
	return nil
}

func (d *difference) write(w io.Writer) {
	if d.round > 0 {
		fmt.Fprintf(w, ", round %d", d.round)
	}
	if d.shard != nil {
		fmt.Fprintf(w, ", shard [%s][%d]", d.shard.Index, d.shard.Shard)
	}
	fmt.Fprintf(w, "\n  %s\n    decided   %s\n    expected  %s\n%s", d.what, d.got, d.want, d.behind)
}

// text is a value as it is recorded.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// compare finds the first difference, nil if there is none.
func compare(got, want *Result) *difference {
	for i := range max(len(got.Rounds), len(want.Rounds)) {
		switch {
		case i >= len(got.Rounds):
			return &difference{round: i + 1, what: "rounds", got: "no such round", want: text(want.Rounds[i])}
		case i >= len(want.Rounds):
			return &difference{round: i + 1, what: "rounds", got: text(got.Rounds[i]), want: "no such round"}
		}
		if d := compareRound(&got.Rounds[i], &want.Rounds[i]); d != nil {
			d.round = want.Rounds[i].Round
			return d
		}
	}
	if got.Converged != want.Converged {
		return &difference{what: "converged", got: text(got.Converged), want: text(want.Converged)}
	}
	if !slices.Equal(got.Final, want.Final) {
		return &difference{what: "final", got: text(only(got.Final, want.Final)), want: text(only(want.Final, got.Final))}
	}
	return nil
}

func compareRound(got, want *Round) *difference {
	for _, part := range []struct {
		what      string
		got, want any
	}{
		{"after_events", got.AfterEvents, want.AfterEvents},
		{"node_order", got.NodeOrder, want.NodeOrder},
		{"iterations", got.Iterations, want.Iterations},
	} {
		if text(part.got) != text(part.want) {
			return &difference{what: part.what, got: text(part.got), want: text(part.want)}
		}
	}
	if got.Desired != nil && want.Desired != nil {
		if d := compareDesired(*got.Desired, *want.Desired); d != nil {
			return d
		}
	}
	if extra, missing := only(got.Decisions, want.Decisions), only(want.Decisions, got.Decisions); len(extra)+len(missing) > 0 {
		d := &difference{what: "decisions", got: text(extra), want: text(missing)}
		rows := append(slices.Clone(missing), extra...)
		sortDecisions(rows)
		d.shard = &allocation.ShardID{Index: rows[0].Index, Shard: rows[0].Shard}
		return d
	}
	if g, w := text(got), text(want); g != w {
		return &difference{what: "round", got: g, want: w}
	}
	return nil
}

// compareDesired compares the nodes of an assignment as a set first.
func compareDesired(got, want []DesiredRow) *difference {
	for _, sets := range [...]bool{true, false} {
		norm := func(rows []DesiredRow) []string {
			out := make([]string, len(rows))
			for i, r := range rows {
				if sets {
					r.Nodes = slices.Sorted(slices.Values(r.Nodes))
				}
				out[i] = text(r)
			}
			return out
		}
		g, w := norm(got), norm(want)
		extra, missing := only(g, w), only(w, g)
		if len(extra)+len(missing) == 0 {
			continue
		}
		what := "desired"
		if !sets {
			what = "desired (order of nodes)"
		}
		d := &difference{what: what, got: strings.Join(extra, " "), want: strings.Join(missing, " ")}
		var row DesiredRow
		if json.Unmarshal([]byte(slices.Concat(missing, extra)[0]), &row) == nil {
			d.shard = &allocation.ShardID{Index: row.Index, Shard: row.Shard}
		}
		return d
	}
	return nil
}

// only are the elements of a that b lacks.
func only[E comparable](a, b []E) []E {
	count := make(map[E]int, len(b))
	for _, e := range b {
		count[e]++
	}
	var out []E
	for _, e := range a {
		if count[e]--; count[e] < 0 {
			out = append(out, e)
		}
	}
	return out
}

// behind plays the case again up to the difference and tells, of the state before that
// round's reroute, the weights of the shard's index and what the deciders say of its copies.
func behind(c *Case, d *difference) (string, error) {
	if d.shard == nil || d.round == 0 {
		return "", nil
	}
	r, err := newRunner(c, d.allocator)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	r.before = func(round int, st *state.State, in allocation.Input) {
		if round == d.round {
			describe(&b, r.service, st, in, *d.shard)
		}
	}
	for n := 1; n <= d.round; n++ {
		if _, _, err := r.round(n); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func describe(b *strings.Builder, s *allocation.Service, st *state.State, in allocation.Input, id allocation.ShardID) {
	fmt.Fprintf(b, "  weights of %s before the round:\n", id.Index)
	for _, w := range s.Weights(st, in, id.Index) {
		fmt.Fprintf(b, "    %s %s (%d of the index, %d in all)\n", w.Node, settings.JavaFloat(w.Weight), w.Shards, w.Total)
	}
	for _, copy := range st.Routing.Index(id.Index).Shards[id.Shard].Copies {
		fmt.Fprintf(b, "  copy %s %s", roleOf(copy), copy.State)
		if copy.Node != "" {
			fmt.Fprintf(b, " on %s", copy.Node)
		}
		e := s.Explain(st, in, copy, false)
		switch {
		case e.Allocate != nil:
			fmt.Fprintf(b, ": %s\n", e.Allocate.Decision)
			describeNodes(b, e.Allocate.Nodes)
		case e.Move != nil && !e.Move.CanRemain:
			fmt.Fprintf(b, ": cannot remain%s\n", deciderText(e.Move.RemainDecisions))
			describeNodes(b, e.Move.Nodes)
		case e.Move != nil:
			fmt.Fprintf(b, ": rebalance %s%s\n", e.Move.Decision, deciderText(e.Move.RebalanceDecisions))
			describeNodes(b, e.Move.Nodes)
		default:
			b.WriteByte('\n')
		}
	}
}

func describeNodes(b *strings.Builder, nodes []allocation.NodeExplanation) {
	for _, n := range nodes {
		fmt.Fprintf(b, "    %s %s%s\n", n.Node.ID, n.Decision, deciderText(n.Deciders))
	}
}

func deciderText(decisions []allocation.Decision) string {
	var b strings.Builder
	for _, d := range decisions {
		fmt.Fprintf(&b, "; %s %s: %s", d.Decider, d.Verdict, d.Explanation)
	}
	return b.String()
}
