package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Clients is what clients of the cluster felt. Ops, Failed and Unknown count the background
// load and the followed writes; everything else is of the followed writes alone, latencies of
// those acknowledged.
type Clients struct {
	Ops     int64    `json:"ops"`
	Failed  int64    `json:"failed"`
	Unknown int64    `json:"unknown"`
	P50Ms   *float64 `json:"p50_ms"`
	P90Ms   *float64 `json:"p90_ms"`
	P99Ms   *float64 `json:"p99_ms"`
	MaxMs   *float64 `json:"max_ms"`
	// Behaviour says how the clients behave, SlowMs from when on a write is slow.
	Behaviour string  `json:"behaviour,omitempty"`
	SlowMs    float64 `json:"slow_ms"`
	// SilentS is the longest time in which no write was acknowledged, SilentAtS when it began.
	SilentS   *float64        `json:"silent_s"`
	SilentAtS *float64        `json:"silent_at_s,omitempty"`
	Causes    []ClientCause   `json:"causes,omitempty"`
	PerFault  []ClientsAround `json:"per_fault,omitempty"`
	// Over are the frames of time, of FrameS each, in which a write failed, had no answer, was
	// retried or slow.
	FrameS  float64                `json:"frame_s,omitempty"`
	Over    []ClientsFrame         `json:"over,omitempty"`
	Tracers observed.TracerSummary `json:"tracers"`
}

// ClientCause is why followed writes were not acknowledged.
type ClientCause struct {
	Cause  string   `json:"cause"`
	Writes int      `json:"writes"`
	Nodes  []string `json:"nodes,omitempty"` // asked last
	FirstS float64  `json:"first_s"`
	LastS  float64  `json:"last_s"`
}

// ClientsAround is what clients felt from a fault to the next, or to the end of the load.
type ClientsAround struct {
	Kind string `json:"kind"`
	observed.Felt
	SilentS *float64 `json:"silent_s"`
}

// ClientsFrame is what clients felt of the writes that began in a frame of time.
type ClientsFrame struct {
	AtS float64 `json:"at_s"`
	observed.Felt
}

// mostFrames bounds how finely the time of a run is cut.
const mostFrames = 120

// frameWidth is a whole number of seconds, so that a run has at most so many frames.
func frameWidth(end time.Duration) time.Duration {
	return max(time.Second, (end/mostFrames + time.Second - 1).Truncate(time.Second))
}

func clientsOf(res *scenarios.Result) Clients {
	h, t := res.History, res.History.Tracers
	c := Clients{Ops: int64(t.Attempted), Failed: int64(t.Failed), Unknown: int64(t.Unknown), Tracers: t}
	if s := res.Scenario.Client; s != nil {
		c.Behaviour, c.SlowMs = client.Describe(s), float64(s.Slow.D().Milliseconds())
	}
	if n := len(h.Traffic); n > 0 {
		last := h.Traffic[n-1].Traffic
		c.Ops += last.Acked + last.Failed + last.Unknown + last.Reads
		c.Failed += last.Failed + last.ReadsFailed
		c.Unknown += last.Unknown
	}
	if len(t.LatencyMs) > 0 {
		ms := slices.Clone(t.LatencyMs)
		c.P50Ms, c.P90Ms, c.P99Ms = ptr(score.Percentile(ms, 0.5)), ptr(score.Percentile(ms, 0.9)), ptr(score.Percentile(ms, 0.99))
		c.MaxMs = ptr(slices.Max(ms))
	}
	if gap, tried := h.LongestGap(0, h.End); tried {
		c.SilentS, c.SilentAtS = ptr(secs(gap.Length())), ptr(secs(gap.From))
	}
	for _, x := range h.FeltCauses() {
		c.Causes = append(c.Causes, ClientCause{string(x.Cause), x.Writes, x.Nodes, secs(x.First), secs(x.Last)})
	}
	if t.Attempted > 0 {
		for i, f := range h.Faults {
			until := min(h.End, h.FaultTimes(i, f.At).Until)
			around := ClientsAround{Kind: f.Kind, Felt: h.FeltWithin(f.At, until)}
			if gap, tried := h.LongestGap(f.At, until); tried {
				around.SilentS = ptr(secs(gap.Length()))
			}
			c.PerFault = append(c.PerFault, around)
		}
	}
	for _, f := range h.FeltOver(frameWidth(h.End)) {
		c.FrameS = secs(frameWidth(h.End))
		if f.Failed+f.Unknown+f.Retried+f.Slow > 0 {
			c.Over = append(c.Over, ClientsFrame{secs(f.At), f.Felt})
		}
	}
	return c
}

// causesText names why writes were not acknowledged, the most frequent first; "" where all
// were.
func (c *Clients) causesText() string {
	var told []string
	for _, x := range c.Causes {
		text := fmt.Sprintf("%d %s", x.Writes, x.Cause)
		if len(x.Nodes) > 0 && len(x.Nodes) <= 3 && x.Cause != string(observed.CauseEnded) {
			text += " (" + strings.Join(x.Nodes, ", ") + ")"
		}
		told = append(told, text)
	}
	return strings.Join(told, "; ")
}

// countsText is the fate of the followed writes in a line.
func (c *Clients) countsText() string {
	t := c.Tracers
	return fmt.Sprintf("%d writes followed: %d failed (%d refused), %d without an answer, %d retried, %d slower than %s",
		t.Attempted, t.Failed, t.Refused, t.Unknown, t.Retried, t.Slow, quantity(&c.SlowMs, "ms"))
}

// clientCards are what clients felt, in two cards: what came of their writes, and how long
// those took.
func clientCards(c *Clients) []page.Card {
	t := c.Tracers
	if t.Attempted == 0 {
		return nil
	}
	bad := t.Failed + t.Unknown
	text := fmt.Sprintf("of %d followed writes not acknowledged: %d failed (%d refused), %d without an answer", t.Attempted, t.Failed, t.Refused, t.Unknown)
	if why := c.causesText(); why != "" {
		text += ": " + why
	}
	text += fmt.Sprintf("; %d retried, %d of the acknowledged lost", t.Retried, t.Lost)
	out := []page.Card{{Figure: fmt.Sprintf("%d · %s", bad, percent(ptr(score.Round(float64(bad)/float64(t.Attempted))))), Text: text}}
	if c.SilentS != nil {
		out = append(out, page.Card{Figure: quantity(c.SilentS, "s"), Text: fmt.Sprintf("the longest without an acknowledged write (from %s)", quantity(c.SilentAtS, "s"))})
	}
	return append(out, page.Card{
		Figure: quantity(c.P99Ms, "ms"),
		Text:   fmt.Sprintf("p99 of acknowledged writes (p50 %s, p90 %s, longest %s); %d took longer than %s", quantity(c.P50Ms, "ms"), quantity(c.P90Ms, "ms"), quantity(c.MaxMs, "ms"), t.Slow, quantity(&c.SlowMs, "ms")),
	})
}
