package divergence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Entry is a line of a trace.
type Entry struct {
	AtS  float64         `json:"at_s"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// Parse reads a trace without its head.
func Parse(trace []byte) ([]Entry, error) {
	var out []Entry
	for n, line := range bytes.Split(trace, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d of the trace: %w", n+1, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// Text is the entry in words.
func (e Entry) Text() string {
	if say, ok := sayings()[e.Kind]; ok {
		if text, err := say(e.Data); err == nil {
			return text
		}
	}
	return e.Kind + " " + string(e.Data)
}

// Weighs is whether the entry is one of those that make a story: what was decided, moved,
// recovered, struck, and what became of the cluster; not each followed write, load or disk.
func (e Entry) Weighs() bool {
	switch e.Kind {
	case "fault", "healed", "health", "members", "recovery", "acting":
		return true
	case "decision":
		var d struct{ Acted, Shadow bool }
		return json.Unmarshal(e.Data, &d) == nil && d.Acted && !d.Shadow
	case "shards":
		var copies []copyOf
		if json.Unmarshal(e.Data, &copies) != nil {
			return true
		}
		for _, c := range copies {
			if c.State == "RELOCATING" {
				return true
			}
		}
	}
	return false
}

// copyOf is a shard copy in a trace.
type copyOf struct {
	Index   string `json:"i"`
	Shard   int    `json:"s"`
	Primary bool   `json:"p"`
	State   string `json:"st"`
	Node    string `json:"n"`
	To      string `json:"to"`
}

func (c copyOf) text() string {
	kind := "replica"
	if c.Primary {
		kind = "primary"
	}
	text := kind + " " + strings.ToLower(c.State)
	if c.Node != "" {
		text += " on " + c.Node
	}
	if c.To != "" {
		text += " to " + c.To
	}
	return text
}

// sayings put each kind of entry into words. A kind that is not here is shown as it is.
func sayings() map[string]func(json.RawMessage) (string, error) {
	return map[string]func(json.RawMessage) (string, error){
		"health": saying(func(d struct {
			Status                               string
			Initializing, Relocating, Unassigned int
			Master                               bool
		}) string {
			text := fmt.Sprintf("the cluster is %s: %d unassigned, %d initializing, %d relocating", d.Status, d.Unassigned, d.Initializing, d.Relocating)
			if !d.Master {
				text += ", no master"
			}
			return text
		}),
		"members": saying(func(d struct {
			Master string
			Nodes  []string
		}) string {
			if d.Master == "" {
				d.Master = "nobody"
			}
			return fmt.Sprintf("members are %s, master is %s", strings.Join(d.Nodes, " "), d.Master)
		}),
		"shards": saying(func(d []copyOf) string {
			var parts []string
			for i, c := range d {
				if i == 0 || c.Index != d[i-1].Index || c.Shard != d[i-1].Shard {
					parts = append(parts, fmt.Sprintf("%s[%d]: %s", c.Index, c.Shard, c.text()))
					continue
				}
				parts[len(parts)-1] += ", " + c.text()
			}
			return strings.Join(parts, "; ")
		}),
		"recovery": saying(func(d struct {
			I, From, To, Kind, Why, Stage string
			S                             int
			Stop                          int64
			Bytes                         int64
			Failed                        bool
		}) string {
			does := "goes on"
			switch {
			case d.Failed:
				does = "fails"
			case d.Stop != 0:
				does = "ends"
			case d.Stage == "" || d.Stage == "INIT":
				does = "begins"
			}
			from := ""
			if d.From != "" {
				from = d.From + "→"
			}
			return fmt.Sprintf("recovery of %s[%d] %s%s (%s, %s) %s, %d bytes", d.I, d.S, from, d.To, d.Why, strings.ToLower(d.Stage), does, d.Bytes)
		}),
		"decision": saying(func(d struct{ Policy, Decided, Reason, Done string }) string {
			text := fmt.Sprintf("the controller (%s) decides: %s, for %s", d.Policy, d.Decided, d.Reason)
			if d.Done != "" {
				text += "; done: " + d.Done
			}
			return text
		}),
		"fault": saying(func(d struct {
			Kind    string
			Victims []string
		}) string {
			return strings.TrimSpace("fault: " + d.Kind + " " + strings.Join(d.Victims, " "))
		}),
		"healed": saying(func(d struct{ Kind string }) string { return "healed: " + d.Kind }),
		"view": saying(func(d struct{ N, Master, State string }) string {
			if d.State != "ok" {
				return fmt.Sprintf("%s answers: %s", d.N, d.State)
			}
			if d.Master == "" {
				return d.N + " knows no master"
			}
			return fmt.Sprintf("%s knows %s as master", d.N, d.Master)
		}),
		"tracer": saying(func(d struct {
			Result    string
			LatencyMs float64 `json:"latency_ms"`
		}) string {
			return fmt.Sprintf("a followed write: %s after %g ms", d.Result, d.LatencyMs)
		}),
		"log": saying(func(d string) string { return "controller log: " + d }),
		"acting": saying(func(d struct {
			S, N  string
			Epoch uint64
		}) string {
			return fmt.Sprintf("%s acts as primary of %s in epoch %d", d.N, d.S, d.Epoch)
		}),
	}
}

// saying reads an entry's data for a function that puts it into words.
func saying[T any](say func(T) string) func(json.RawMessage) (string, error) {
	return func(data json.RawMessage) (string, error) {
		var d T
		if err := json.Unmarshal(data, &d); err != nil {
			return "", err
		}
		return say(d), nil
	}
}
