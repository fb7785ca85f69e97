package planning

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Schema is the version of planning.json. Fields are added without changing it.
const Schema = "shardquake.planning/1"

// Result is planning.json: what a cluster can lose, with and without a change.
type Result struct {
	Schema   string        `json:"schema"`
	Version  version.Build `json:"version"`
	Scenario string        `json:"scenario"`
	File     string        `json:"file"`
	System   string        `json:"system"`
	Seeds    int           `json:"seeds"` // from 1 on
	// Verdict is that of the last side: with the change, where there is one.
	Verdict scenarios.Verdict `json:"verdict"`
	// Headline is the worst case in words.
	Headline string `json:"headline"`
	// Assumptions and Notes are those of the last side, what the verdict hangs on first.
	Assumptions []Assumption `json:"assumptions"`
	Notes       []string     `json:"notes"`
	Sides       []Side       `json:"sides"`
	// Growth is that of the last side; absent where nothing grows.
	Growth *Growth `json:"growth,omitempty"`
	// Transition is what the change itself costs; absent where nothing is changed.
	Transition *Transition `json:"transition,omitempty"`
	// Size is the smallest fleet for each tier; absent where nobody asked.
	Size *Size `json:"size,omitempty"`
	// Done of Planned runs were made: fewer after an interruption.
	Planned int `json:"runs_planned"`
	Done    int `json:"runs_done"`
	// Reused of those were made by an earlier plan, and kept. No figure hangs on it.
	Reused int `json:"-"`
}

// Side is the cluster as it is, or changed.
type Side struct {
	Label      string            `json:"label"`
	Changes    []string          `json:"changes,omitempty"`
	Verdict    scenarios.Verdict `json:"verdict"`
	Objectives []Judged          `json:"objectives"`
	Losses     []Measured        `json:"losses"`
}

// Judged is an objective with its verdict: the worst over its losses and seeds.
type Judged struct {
	Name    string            `json:"name"`
	After   []string          `json:"after"`
	Line    int               `json:"line,omitempty"`
	Verdict scenarios.Verdict `json:"verdict"`
	// Loss and Seed are those of the worst run.
	Loss string `json:"worst_loss,omitempty"`
	Seed uint64 `json:"worst_seed,omitempty"`
	// Outcome is that run's; absent where none was made.
	Outcome *scenarios.Outcome `json:"outcome,omitempty"`
	Reason  string             `json:"reason"`
}

// Figure is a number with how sure it is: measured, derived or assumed. A time that is null
// never came; anything else that is null was not observed.
type Figure struct {
	Value *float64 `json:"value"`
	Unit  string   `json:"unit,omitempty"`
	Tag   string   `json:"tag"`
}

// Measured is a loss with what it costs, over all seeds.
type Measured struct {
	Loss
	// Verdict is that of the objectives for it; "" there is none.
	Verdict scenarios.Verdict `json:"verdict,omitempty"`
	Failed  []string          `json:"failed,omitempty"` // objectives
	Runs    []Seeded          `json:"runs"`
	Began   string            `json:"health_before"`
	// Red are the indices that stay red, RedOnce those that were at any time after the loss,
	// in any run.
	Red      []string `json:"red_at_the_end"`
	RedOnce  []string `json:"red_at_any_time"`
	NoMaster bool     `json:"no_master_at_the_end"`

	RedFor     Figure `json:"red_for"` // the longest
	YellowP50  Figure `json:"yellow_p50"`
	YellowP95  Figure `json:"yellow_p95"`
	GreenP50   Figure `json:"green_p50"`
	GreenP95   Figure `json:"green_p95"`
	Bytes      Figure `json:"bytes_moved"`           // p50
	Unassigned Figure `json:"unassigned_at_the_end"` // most
	PeakDisk   Figure `json:"peak_disk"`
	PeakNode   string `json:"peak_disk_node,omitempty"`
	// PeakCPU is the most that the processors of a node were busy.
	PeakCPU     Figure `json:"peak_cpu"`
	PeakCPUNode string `json:"peak_cpu_node,omitempty"`
	Moves       Figure `json:"moves"` // p50
	// Took is how long work on the cluster took: a restart or an upgrade of all nodes, a drain.
	Took *Figure `json:"took,omitempty"`
	Left int     `json:"left_on_the_node,omitempty"` // copies that a drain did not take off
	// Crossed is the highest watermark that a disk was beyond; Room is what was left to each.
	Crossed string            `json:"watermark_crossed,omitempty"`
	Room    map[string]Figure `json:"room_to_watermark,omitempty"`
	// Held says what holds the copies without a node, of the worst run.
	Held []observed.Ailment `json:"held_by,omitempty"`
	// Replay runs the worst run alone.
	Replay string `json:"replay"`
	// Report is the folder of that run's report, where it was written.
	Report string `json:"report,omitempty"`

	worst int // its seed, from 0 on
}

// Seeded is one run of a loss.
type Seeded struct {
	Seed      uint64   `json:"seed"`
	TraceHash string   `json:"trace_hash"`
	GreenS    *float64 `json:"green_s"`
	Moves     int      `json:"moves"`
	Unknown   string   `json:"unknown,omitempty"` // why the run says nothing
	// Verdict is that of the objectives in this run; pass where there is none for the loss.
	Verdict    scenarios.Verdict `json:"verdict"`
	Objectives []Met             `json:"objectives,omitempty"`
	// Absent is what was not observed; a time that is absent never came.
	YellowS    *float64 `json:"yellow_s,omitempty"`
	RedS       *float64 `json:"red_s,omitempty"`
	TookS      *float64 `json:"took_s,omitempty"`
	Bytes      *float64 `json:"bytes,omitempty"`
	PeakDisk   *float64 `json:"peak_disk,omitempty"` // percent
	PeakCPU    *float64 `json:"peak_cpu,omitempty"`  // percent
	StayRed    *float64 `json:"stay_red,omitempty"`  // indices
	Unassigned *float64 `json:"unassigned,omitempty"`
}

// Met is whether a run met an objective.
type Met struct {
	Name    string            `json:"name"`
	Verdict scenarios.Verdict `json:"verdict"`
	Line    int               `json:"line,omitempty"`
}

// seeded is what one run of a loss came to.
func (s *side) seeded(l Loss, seed uint64, r *run) Seeded {
	v := &r.Seen
	out := Seeded{Seed: seed, TraceHash: v.Hash, GreenS: v.Green, Moves: v.Moves, Unknown: v.Struck, Verdict: scenarios.Pass}
	for i := range s.objectives {
		o := &s.objectives[i]
		if got := s.outcomes(r, l, i); len(got) > 0 {
			verdict := scenarios.Worst(got)
			out.Objectives = append(out.Objectives, Met{o.name, verdict, o.expect.Line})
			out.Verdict = worse(out.Verdict, verdict)
		}
	}
	if v.Struck != "" {
		out.Verdict = worse(out.Verdict, scenarios.Unknown)
		return out
	}
	out.YellowS, out.RedS, out.Bytes, out.PeakCPU = v.Yellow, scenarios.Seconds(v.RedFor), v.Bytes, v.CPU
	out.StayRed, out.Unassigned = scenarios.Number(float64(len(v.RedAtEnd))), scenarios.Number(float64(v.Unassigned))
	if l.rolling() || l.Kind == Drain {
		out.TookS = v.Took
	}
	if v.Peak.Node != "" {
		out.PeakDisk = scenarios.Number(v.Peak.Percent)
	}
	return out
}

// result puts the runs of a side together.
func (s *side) result(c *Config) Side {
	out := Side{Label: s.label, Changes: s.changes, Verdict: scenarios.Pass}
	for l := range s.losses {
		out.Losses = append(out.Losses, s.measured(l, c))
	}
	for i := range s.objectives {
		j := s.judged(i)
		out.Objectives = append(out.Objectives, j)
		out.Verdict = worse(out.Verdict, j.Verdict)
	}
	return out
}

// judged is the worst outcome of an objective.
func (s *side) judged(i int) Judged {
	o := &s.objectives[i]
	out := Judged{Name: o.name, After: o.kinds, Line: o.expect.Line, Verdict: scenarios.Pass}
	missing, tried := 0, 0
	for l, loss := range s.losses {
		if !o.after(loss) {
			continue
		}
		for seed, r := range s.runs[l] {
			tried++
			if r == nil {
				missing++
				continue
			}
			for _, got := range s.outcomes(r, loss, i) {
				if out.Outcome != nil && !moreTelling(got, *out.Outcome) {
					continue
				}
				out.Outcome, out.Loss, out.Seed, out.Verdict = &got, loss.String(), uint64(seed+1), got.Verdict
				out.Reason = fmt.Sprintf("%s, seed %d: %s", loss, seed+1, got.Reason)
			}
		}
	}
	if missing > 0 && out.Verdict != scenarios.Fail {
		out.Verdict = scenarios.Unknown
		out.Reason = fmt.Sprintf("%d of %d runs were not made", missing, tried)
	}
	return out
}

// moreTelling reports whether an outcome says more of an objective than another: a failure
// before an open one, and of the same the smaller margin.
func moreTelling(a, b scenarios.Outcome) bool {
	if x, y := rank(a.Verdict), rank(b.Verdict); x != y {
		return x > y
	}
	switch {
	case b.Observed == nil && a.Observed != nil, a.Margin == nil && b.Margin == nil:
		return false
	case a.Observed == nil && b.Observed != nil: // it never came
		return a.Verdict == scenarios.Fail
	}
	return a.Margin != nil && b.Margin != nil && *a.Margin < *b.Margin
}

func rank(v scenarios.Verdict) int {
	return slices.Index([]scenarios.Verdict{scenarios.Pass, scenarios.Unknown, scenarios.Fail}, v)
}

func worse(a, b scenarios.Verdict) scenarios.Verdict {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// measured is what a loss costs.
func (s *side) measured(l int, c *Config) Measured {
	out := Measured{Loss: s.losses[l], Red: []string{}, RedOnce: []string{}, Runs: []Seeded{}}
	var yellow, green, bytes, red, took, moves []*float64
	var cpu *float64
	most, worst := -1, -1
	out.Room = map[string]Figure{}
	for i := range s.objectives {
		if s.objectives[i].after(s.losses[l]) && out.Verdict == "" {
			out.Verdict = scenarios.Pass
		}
	}
	for seed, r := range s.runs[l] {
		if r == nil {
			if out.Verdict != "" {
				out.Verdict = worse(out.Verdict, scenarios.Unknown)
			}
			continue
		}
		v := &r.Seen
		out.Runs = append(out.Runs, s.seeded(s.losses[l], uint64(seed+1), r))
		out.Began = v.Began
		for i := range s.objectives {
			got := s.outcomes(r, s.losses[l], i)
			verdict := scenarios.Worst(got)
			if len(got) > 0 {
				out.Verdict = worse(out.Verdict, verdict)
			}
			if verdict == scenarios.Fail && !slices.Contains(out.Failed, s.objectives[i].name) {
				out.Failed = append(out.Failed, s.objectives[i].name)
			}
		}
		if v.Struck != "" {
			continue
		}
		out.Red, out.RedOnce = union(out.Red, v.RedAtEnd), union(out.RedOnce, v.RedOnce)
		out.NoMaster = out.NoMaster || v.NoMaster
		yellow, green, bytes = append(yellow, v.Yellow), append(green, v.Green), append(bytes, v.Bytes)
		red = append(red, scenarios.Seconds(v.RedFor))
		took, moves = append(took, v.Took), append(moves, scenarios.Number(float64(v.Moves)))
		if v.CPU != nil && (cpu == nil || *v.CPU > *cpu) {
			cpu, out.PeakCPUNode = v.CPU, v.CPUNode
		}
		out.Left = max(out.Left, v.Left)
		if v.Unassigned > most {
			most, out.Held = v.Unassigned, v.Ailments
		}
		if worst < 0 || v.longer(&s.runs[l][worst].Seen) {
			worst = seed
		}
		s.fill(&out, v.Peak)
	}
	t := s.tags
	out.YellowP50, out.YellowP95 = figure(percentile(yellow, 0.5), "s", t.times), figure(percentile(yellow, 0.95), "s", t.times)
	out.GreenP50, out.GreenP95 = figure(percentile(green, 0.5), "s", t.times), figure(percentile(green, 0.95), "s", t.times)
	out.RedFor = figure(percentile(red, 1), "s", t.times)
	out.Bytes = figure(percentile(bytes, 0.5), "b", t.bytes)
	out.Moves, out.PeakCPU = figure(percentile(moves, 0.5), "", t.copies), figure(cpu, "%", t.load)
	if k := s.losses[l]; k.rolling() || k.Kind == Drain {
		took := figure(percentile(took, 1), "s", t.times)
		out.Took = &took
	}
	out.Unassigned = figure(nil, "", t.copies)
	if most >= 0 {
		out.Unassigned.Value = scenarios.Number(float64(most))
	}
	if out.PeakDisk.Tag == "" {
		out.PeakDisk = figure(nil, "%", t.disks)
	}
	out.worst = max(worst, 0)
	out.Replay = s.replay(c, s.losses[l], uint64(max(worst, 0)+1))
	return out
}

// longer reports whether a run took longer to become green.
func (v *sight) longer(than *sight) bool {
	switch {
	case than.Green == nil:
		return false
	case v.Green == nil:
		return true
	}
	return *v.Green > *than.Green
}

// fill keeps the fullest that disks got in any run.
func (s *side) fill(out *Measured, p Peak) {
	if p.Node != "" && (out.PeakDisk.Value == nil || p.Percent > *out.PeakDisk.Value) {
		out.PeakDisk, out.PeakNode = figure(&p.Percent, "%", s.tags.disks), p.Node
	}
	for _, name := range slices.Sorted(maps.Keys(p.Room)) {
		room := p.Room[name]
		if had, has := out.Room[name]; !has || room < *had.Value {
			out.Room[name] = figure(&room, "%", s.tags.disks)
		}
	}
	levels := []string{"", "low", "high", "flood-stage"}
	if slices.Index(levels, p.Crossed) > slices.Index(levels, out.Crossed) {
		out.Crossed = p.Crossed
	}
}

func figure(v *float64, unit string, t clusterfile.Tag) Figure { return Figure{v, unit, t.String()} }

// union are the names of both, in order.
func union(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// replay is the command that makes one run again, with a report of its own.
func (s *side) replay(c *Config, l Loss, seed uint64) string {
	verb := slices.ContainsFunc(s.made, func(x change) bool { return x.amend != nil }) // which no run can be told
	if l.rolling() || verb {
		line := append([]string{"shardquake", "plan", c.File, "--losses", l.Kind, "--seeds", fmt.Sprint(seed), "--reports"}, sets("--set", c.Set)...)
		return commandLine(append(line, sets("--change", s.changes)...))
	}
	sc := s.scenario(s.loaded, l)
	set := []string{"faults=[]", "duration=" + sc.Duration.String(), "settle=" + sc.Settle.String()}
	switch {
	case l.Kind == Master:
		set[0] = fmt.Sprintf("faults=[{at: %s, node-loss: {node: master}}]", sc.Faults[0].At)
	case l.Kind == Drain:
		set[0] = fmt.Sprintf("faults=[{at: %s, drain: {node: %q}}]", sc.Faults[0].At, l.Name)
	case len(l.Nodes) > 0:
		var nodes []string
		for _, n := range l.Nodes {
			nodes = append(nodes, fmt.Sprintf("%q", n))
		}
		set[0] = fmt.Sprintf("faults=[{at: %s, node-loss: {nodes: [%s]}}]", sc.Faults[0].At, strings.Join(nodes, ", "))
	}
	set = append(set, "expect=[{steady-state: green, at: end}]")
	line := []string{"shardquake", "run", c.File, "--seed", fmt.Sprint(seed)}
	return commandLine(append(line, sets("--set", slices.Concat(c.Set, s.changes, set))...))
}

// sets are words of a command line, each after its flag.
func sets(flag string, texts []string) (out []string) {
	for _, text := range texts {
		out = append(out, flag, text)
	}
	return out
}
