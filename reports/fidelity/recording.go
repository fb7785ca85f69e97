package fidelity

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Recording is a file of recorded timelines: one scenario, several repetitions.
type Recording struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	About  string `json:"about"`
	Reps   []Rep  `json:"reps"`
}

// Rep is one repetition. Times are seconds since its first mark.
type Rep struct {
	Variant string `json:"variant"`
	Rep     int    `json:"rep"`
	Marks   []struct {
		T     float64 `json:"t"`
		What  string  `json:"what"`
		Phase string  `json:"phase"`
		Took  float64 `json:"took_s"`
	} `json:"marks"`
	HealthSeen []struct {
		T            float64 `json:"t"`
		Status       string  `json:"status"`
		Nodes        int     `json:"nodes"`
		Primaries    int     `json:"active_primaries"`
		Active       int     `json:"active"`
		Relocating   int     `json:"relocating"`
		Initializing int     `json:"initializing"`
		Unassigned   int     `json:"unassigned"`
		Delayed      int     `json:"delayed"`
	} `json:"health"`
	Cluster []struct {
		T      float64  `json:"t"`
		Master string   `json:"master"`
		Nodes  []string `json:"nodes"`
		Blocks struct {
			Global  map[string]json.RawMessage            `json:"global"`
			Indices map[string]map[string]json.RawMessage `json:"indices"`
		} `json:"blocks"`
	} `json:"cluster"`
	Shards []struct {
		T      float64 `json:"t"`
		Index  string  `json:"i"`
		Shard  string  `json:"s"`
		Copies []struct {
			Primary bool   `json:"p"`
			State   string `json:"st"`
			Node    string `json:"n"`
			To      string `json:"to"`
			Why     string `json:"why"`
			Delayed bool   `json:"delayed"`
		} `json:"c"`
	} `json:"shards"`
	Recoveries []struct {
		Index   string  `json:"i"`
		Shard   int     `json:"s"`
		Kind    string  `json:"kind"`
		Primary bool    `json:"p"`
		Source  string  `json:"source"`
		Target  string  `json:"target"`
		Start   float64 `json:"start"`
		Stop    float64 `json:"stop"`
		Stage   string  `json:"stage"`
		Total   int64   `json:"bytes_total"`
		Bytes   int64   `json:"bytes_recovered"`
		Ops     int64   `json:"ops_recovered"`
	} `json:"recoveries"`
	// Metrics are the recorder's own figures by phase.
	Metrics map[string]map[string]float64 `json:"metrics"`
}

// ReadRecording reads a file of recorded timelines, compressed or plain.
func ReadRecording(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // reading only
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var r Recording
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Format != 1 || len(r.Reps) == 0 {
		return nil, fmt.Errorf("%s: not recorded timelines of format 1", path)
	}
	return &r, nil
}

// Variants are the variants of the recording, sorted; one without has the variant "".
func (r *Recording) Variants() []string {
	seen := make(map[string]bool)
	for _, rep := range r.Reps {
		seen[rep.Variant] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Of are the repetitions of a variant.
func (r *Recording) Of(variant string) []Rep {
	var out []Rep
	for _, rep := range r.Reps {
		if rep.Variant == variant {
			out = append(out, rep)
		}
	}
	return out
}

// Origin is what the times of a recorded phase count from.
type Origin bool

// The origins.
const (
	// FromMark: the beginning of the action, as in the recording's own metrics.
	FromMark Origin = false
	// FromForce: the moment the action was in force, as of runs made here.
	FromForce Origin = true
)

// RunsOf takes the quantities of repetitions, by the same rules as of a run just made.
func RunsOf(reps []Rep, origin Origin) ([]Run, error) {
	var out []Run
	for _, rep := range reps {
		h, end, err := rep.history()
		if err != nil {
			return nil, fmt.Errorf("repetition %d: %w", rep.Rep, err)
		}
		var marks []mark
		for _, m := range rep.Marks {
			if m.Phase != "" {
				at := since(m.T)
				zero := at
				if origin == FromForce && chaos.KindOf(kindOf(m.What)).FromForce {
					zero += since(m.Took)
				}
				marks = append(marks, mark{m.Phase, at, zero, nil})
			}
		}
		out = append(out, runOf(fmt.Sprintf("rep %d", rep.Rep), h, spansOf(marks, end)))
	}
	return out, nil
}

// kindOf is the kind of fault that a recorded action is.
func kindOf(what string) string {
	for _, k := range []struct{ prefix, kind string }{
		{"kill ", "node-loss"}, {"reset ", "partition"}, {"drop ", "partition"}, {"ballast on", "disk-pressure"},
	} {
		if strings.HasPrefix(what, k.prefix) {
			return k.kind
		}
	}
	return ""
}

func since(t float64) time.Duration { return time.Duration(t * float64(time.Second)) }

// history is the repetition as a run would have observed it, and its end.
func (r *Rep) history() (*observed.History, time.Duration, error) {
	h := &observed.History{}
	end := time.Duration(0)
	add := func(t float64, o observed.Observation) {
		o.At = since(t)
		end = max(end, o.At+time.Millisecond)
		h.Observations = append(h.Observations, o)
	}
	r.addHealth(add)
	for _, s := range r.Shards {
		number, err := strconv.Atoi(s.Shard)
		if err != nil {
			return nil, 0, fmt.Errorf("shard number: %w", err)
		}
		var copies []observed.Copy
		for _, c := range s.Copies {
			copies = append(copies, observed.Copy{
				Index: s.Index, Shard: number, Primary: c.Primary, State: c.State, Node: c.Node, To: c.To,
				Reason: c.Why, Delayed: c.Delayed, Bytes: -1,
			})
		}
		add(s.T, observed.Observation{Sight: observed.Copies(copies)})
	}
	for i, rec := range r.Recoveries {
		add(rec.Start, observed.Observation{Sight: observed.Recovery{
			Index: rec.Index, Shard: rec.Shard, ID: strconv.Itoa(i), Primary: rec.Primary, Kind: rec.Kind, From: rec.Source,
			To: rec.Target, Stage: rec.Stage, BytesTotal: rec.Total, Bytes: rec.Bytes, Ops: rec.Ops,
			Start: since(rec.Start), Stop: since(rec.Stop),
		}})
		end = max(end, since(rec.Stop)+time.Millisecond)
	}
	sort.SliceStable(h.Observations, func(i, j int) bool { return h.Observations[i].At < h.Observations[j].At })
	h.End, h.Closed = end, end
	return h, end, nil
}

// addHealth merges the changes of health with those of members and blocks.
func (r *Rep) addHealth(add func(float64, observed.Observation)) {
	health := observed.Health{Master: true}
	c := 0
	for i, seen := range r.HealthSeen {
		next := func() bool {
			return c < len(r.Cluster) && (i+1 == len(r.HealthSeen) || r.Cluster[c].T < r.HealthSeen[i+1].T)
		}
		now := func() {
			h := health
			add(seen.T, observed.Observation{Sight: h})
		}
		blocks, master := health.Blocks, health.Master
		health = observed.Health{
			Status: seen.Status, Master: master, Blocks: blocks, Nodes: seen.Nodes, Primaries: seen.Primaries, Active: seen.Active,
			Relocating: seen.Relocating, Initializing: seen.Initializing, Unassigned: seen.Unassigned, Delayed: seen.Delayed,
		}
		now()
		for next() {
			cl := r.Cluster[c]
			c++
			add(cl.T, observed.Observation{Sight: observed.Members{Master: cl.Master, Nodes: cl.Nodes}})
			h := health
			h.Master = cl.Master != ""
			h.Blocks = blockNames(slices.Sorted(maps.Keys(cl.Blocks.Global)), cl.Blocks.Indices)
			health = h
			add(cl.T, observed.Observation{Sight: h})
		}
	}
}

func blockNames(global []string, indices map[string]map[string]json.RawMessage) string {
	names := global
	for _, index := range slices.Sorted(maps.Keys(indices)) {
		for _, id := range slices.Sorted(maps.Keys(indices[index])) {
			names = append(names, index+":"+id)
		}
	}
	return strings.Join(names, " ")
}
