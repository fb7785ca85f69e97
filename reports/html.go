package reports

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

//go:embed run_page.html
var runPage string

// pageData is what the page's script draws: times in seconds since t=0, short keys
// because a long run has many of them.
type pageData struct {
	Nodes []string `json:"nodes"`
	// Groups are the nodes' zones or tiers; nil where they have neither.
	Groups     []string       `json:"groups,omitempty"`
	End        float64        `json:"end"`
	Closed     float64        `json:"closed"`
	Faults     []pageBand     `json:"faults"`
	Health     []pageSpan     `json:"health"`
	Counts     []pageFrame    `json:"counts"`
	CV         [][2]float64   `json:"cv"`
	Pending    [][4]float64   `json:"pending"` // time, unassigned, initializing, relocating
	Disk       []pageFrame    `json:"disk"`
	Shards     []pageShard    `json:"shards"`
	Members    []pageMembers  `json:"members"`
	Recoveries []pageRecovery `json:"recoveries"`
	Latency    []pageOp       `json:"latency"`
	Felt       []pageFelt     `json:"felt"`
	// CPU and NodeMs are the nodes' loads; NodeMsOf says which latency it is.
	CPU       []pageFrame    `json:"cpu"`
	NodeMs    []pageFrame    `json:"nodeMs"`
	NodeMsOf  string         `json:"nodeMsOf"`
	Decisions []pageDecision `json:"decisions"`
}

type pageBand struct {
	Label string  `json:"label"`
	From  float64 `json:"from"`
	To    float64 `json:"to"`
}

type pageSpan struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Status string  `json:"status"`
}

type pageFrame struct {
	At     float64   `json:"t"`
	Values []float64 `json:"v"`
}

// pageShard is all copies of a shard from a moment on.
type pageShard struct {
	At     float64    `json:"t"`
	Index  string     `json:"i"`
	Shard  int        `json:"s"`
	Copies []pageCopy `json:"c"`
}

type pageCopy struct {
	Primary bool   `json:"p"`
	State   string `json:"st"` // U, I, S, R
	Node    string `json:"n"`
	To      string `json:"to,omitempty"`
}

type pageMembers struct {
	At     float64  `json:"t"`
	Master string   `json:"m"`
	Nodes  []string `json:"n"`
}

type pageRecovery struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Label string  `json:"label"`
	Kind  string  `json:"kind"`
}

type pageOp struct {
	At     float64 `json:"t"`
	Ms     float64 `json:"ms"`
	Result string  `json:"r"`
	Why    string  `json:"why,omitempty"`
	Again  bool    `json:"again,omitempty"`
}

// pageFelt is what became of the writes that began in a frame of time, per second.
type pageFelt struct {
	At     float64   `json:"t"`
	Values []float64 `json:"v"` // attempted, failed, without an answer, retried, slow
}

type pageDecision struct {
	At    float64 `json:"t"`
	Acted bool    `json:"a"`
}

// mostShardEvents bounds the shard map's data; beyond it the page shows counts only.
const mostShardEvents = 60_000

// PageData is what the charts of a run draw.
type PageData = pageData

// PageDataOf is it for pages beside the report's.
func PageDataOf(res *scenarios.Result) PageData { return pageDataOf(res) }

// LiveDataOf is it for those who are told what is new: all of the shard map, however much.
func LiveDataOf(res *scenarios.Result) PageData { return allDataOf(res) }

func pageDataOf(res *scenarios.Result) pageData {
	d := allDataOf(res)
	if len(d.Shards) > mostShardEvents {
		d.Shards = nil
	}
	return d
}

func allDataOf(res *scenarios.Result) pageData {
	h := res.History
	d := pageData{Nodes: h.Nodes, Groups: groupsOf(res), End: secs(h.End), Closed: secs(h.Closed)}
	for _, f := range h.Faults {
		until := f.HealedAt
		if until < 0 {
			until = h.Closed
		}
		d.Faults = append(d.Faults, pageBand{f.Kind + " " + strings.Join(f.Victims, " "), secs(f.At), secs(until)})
	}
	for _, s := range h.HealthSpans() {
		d.Health = append(d.Health, pageSpan{secs(s.From), secs(s.To), s.Status})
	}
	for _, f := range observed.FromStart(h.Spread(observed.QuantityShards)) {
		d.Counts = append(d.Counts, pageFrame{secs(f.At), f.Values})
		if v := f.MemberValues(); len(v) > 0 {
			d.CV = append(d.CV, [2]float64{secs(f.At), score.BalanceOf(v).CV})
		}
	}
	for _, f := range observed.FromStart(h.Spread(observed.QuantityDisk)) {
		rounded := make([]float64, len(f.Values))
		for i, v := range f.Values {
			rounded[i] = score.Round(v)
		}
		d.Disk = append(d.Disk, pageFrame{secs(f.At), rounded})
	}
	if loads := h.NodeLoads(); loads != nil {
		latency := latencyOf(loads)
		d.CPU, d.NodeMs, d.NodeMsOf = pageLoads(loads, processors()), pageLoads(loads, latency), latency.Name
	}
	for _, o := range h.Observations {
		d.observe(o)
	}
	for _, r := range Recoveries(h) {
		stop := r.Stop
		if stop == 0 {
			stop = h.Closed
		}
		label := fmt.Sprintf("%s[%d] %s→%s %s, %s", r.Index, r.Shard, r.From, r.To, r.Kind, units.FormatBytes(r.Bytes))
		d.Recoveries = append(d.Recoveries, pageRecovery{secs(r.Start), secs(stop), label, r.Kind})
	}
	for _, op := range h.Tracers.Operations {
		d.Latency = append(d.Latency, d.opOf(op))
	}
	d.feel(h)
	for _, x := range h.Decisions {
		if !x.Shadow {
			d.Decisions = append(d.Decisions, pageDecision{secs(x.At), x.Acted})
		}
	}
	return d
}

func (d *pageData) opOf(op observed.TracerOp) pageOp {
	out := pageOp{secs(op.At), float64(op.Latency.Microseconds()) / 1000, op.Result, string(op.Cause), op.Requests > 1}
	switch {
	case op.Cause.Answered():
		out.Result = "refused"
	case op.Slow:
		out.Result = "slow"
	}
	if op.Node != "" && out.Why != "" {
		out.Why += " (" + op.Node + ")"
	}
	return out
}

// feel cuts what clients felt into frames.
func (d *pageData) feel(h *observed.History) {
	width := frameWidth(h.End)
	for _, f := range h.FeltOver(width) {
		per := func(n int) float64 { return score.Round(float64(n) / width.Seconds()) }
		d.Felt = append(d.Felt, pageFelt{secs(f.At), []float64{per(f.Attempted), per(f.Failed), per(f.Unknown), per(f.Retried), per(f.Slow)}})
	}
	if n := len(d.Felt); n > 0 { // nobody writes after that
		d.Felt = append(d.Felt, pageFelt{secs(h.End), make([]float64, len(d.Felt[n-1].Values))})
	}
}

func (d *pageData) observe(o observed.Observation) {
	at := secs(max(o.At, 0))
	switch saw := o.Sight.(type) {
	case observed.Health:
		if n := len(d.Pending); n > 0 && d.Pending[n-1][0] == at {
			d.Pending = d.Pending[:n-1] // only the last of a moment can be seen
		}
		d.Pending = append(d.Pending, [4]float64{at, float64(saw.Unassigned), float64(saw.Initializing), float64(saw.Relocating)})
	case observed.Members:
		d.Members = append(d.Members, pageMembers{at, saw.Master, saw.Nodes})
	case observed.Copies:
		d.observeCopies(at, saw)
	}
}

func (d *pageData) observeCopies(at float64, copies observed.Copies) {
	for start := 0; start < len(copies); {
		s := pageShard{At: at, Index: copies[start].Index, Shard: copies[start].Shard}
		for ; start < len(copies) && copies[start].Index == s.Index && copies[start].Shard == s.Shard; start++ {
			c := copies[start]
			s.Copies = append(s.Copies, pageCopy{c.Primary, c.State[:1], c.Node, c.To})
		}
		d.Shards = append(d.Shards, s)
	}
}

// HTML is the report's page: one file that works offline.
func HTML(rep *Report, res *scenarios.Result, replay string) ([]byte, error) {
	funcs := template.FuncMap{
		"quantity": quantity,
		"upper":    func(v scenarios.Verdict) string { return strings.ToUpper(string(v)) },
		"num":      func(v float64) string { return quantity(&v, "") },
		"clock":    func(t time.Duration) string { return fmt.Sprintf("%.1f s", t.Seconds()) },
		"since":    secs,
		"employed": employed,
		"bar":      marginBar,
		"percent":  percent,
		"join":     strings.Join,
		"svg":      func(s string) template.HTML { return template.HTML(s) }, // drawn by package check, which escapes what it shows
	}
	return page.Render(page.Content{
		Title: rep.Scenario + ": " + string(rep.Verdict), Body: runPage, Funcs: funcs, Data: pageDataOf(res), Scripts: []page.Script{page.Run},
		V: map[string]any{"R": rep, "Replay": replay, "Log": res.LogLines, "Head": verdictOf(rep), "Cards": cardsOf(rep)},
	})
}

// marginBar is how much of its limit an expectation used, in percent, at most 100;
// -1 where that means nothing.
func marginBar(o scenarios.Outcome) int {
	if o.Observed == nil || o.Limit == nil || *o.Limit <= 0 || *o.Observed < 0 {
		return -1
	}
	if o.Verdict == scenarios.Pass && *o.Observed > *o.Limit {
		return -1 // at least so much was expected: nothing is used up
	}
	return int(min(100, 100**o.Observed / *o.Limit))
}
