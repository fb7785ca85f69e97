package policy

import (
	"fmt"
	"slices"
	"time"
)

// HotspotConfig configures the hotspot policy; zero values mean the defaults.
type HotspotConfig struct {
	Hot HotLimits
	// MinGain is the share by which the busier of the two nodes must get less busy for a
	// move to be worth it, and by how much less busy for every unit of distance that the
	// shard has to go. Default 0.1.
	MinGain float64
	// CoolDown is the time between two moves: rates must settle first. Default 5 m.
	CoolDown time.Duration
}

// Hotspot moves a busy shard from a busy node to a quiet one, one at a time.
//
// It acts when something is hot (see [FindHot]) and looks at the busiest of the hot
// nodes, those that are hot themselves or hold a hot shard. Of that node's copies it
// moves the one that levels source and target best, to the quietest node that may hold
// it by its roles and has no copy of the same shard; a farther node has to level them
// better. A shard that is hotter than all the rest together stays:
// moving it would only move the load, so others make room for it.
type Hotspot struct {
	cfg   HotspotConfig
	acted bool
	last  time.Duration
	// What they were before the last move.
	actedBefore bool
	lastBefore  time.Duration
}

// Failed implements [Told].
func (p *Hotspot) Failed() { p.acted, p.last = p.actedBefore, p.lastBefore }

func hotspot() Kind {
	return Kind{
		Name: "hotspot", About: "moves busy shards from busy nodes to quiet ones, one at a time",
		New: func() Policy { return NewHotspot(HotspotConfig{}) },
	}
}

// NewHotspot makes the policy.
func NewHotspot(cfg HotspotConfig) *Hotspot {
	cfg.Hot = cfg.Hot.withDefaults()
	if cfg.MinGain == 0 {
		cfg.MinGain = 0.1
	}
	if cfg.CoolDown == 0 {
		cfg.CoolDown = 5 * time.Minute
	}
	return &Hotspot{cfg: cfg}
}

// Name implements [Policy].
func (p *Hotspot) Name() string { return "hotspot" }

// Needs implements [Policy].
func (p *Hotspot) Needs() Needs { return Needs{Load: true} }

// Decide implements [Policy].
func (p *Hotspot) Decide(o Observation) Verdict {
	hot := FindHot(o, p.cfg.Hot)
	v := Verdict{Numbers: Numbers{
		{"hot_shards", float64(len(hot.Shards))}, {"hot_nodes", float64(len(hot.Nodes))}, {"window_s", o.Window.Seconds()},
	}}
	switch {
	case !o.LoadKnown:
		v.Reason = "rates are not known yet"
	case !hot.Any():
		v.Reason = "nothing is hot"
	case o.Relocating+o.Initializing > 0:
		v.Reason = fmt.Sprintf("%s; but %d shards are on the move already", hot, o.Relocating+o.Initializing)
	case p.acted && o.At-p.last < p.cfg.CoolDown:
		v.Reason = fmt.Sprintf("%s; but moved a shard %v ago; cool-down is %v", hot, (o.At - p.last).Round(time.Second), p.cfg.CoolDown)
	default:
		p.relieve(o, hot, &v)
	}
	return v
}

// relieve looks for the best move off the busiest hot node.
func (p *Hotspot) relieve(o Observation, hot Hot, v *Verdict) {
	source := busiest(o, hot)
	best, gain := p.bestMove(o, source)
	v.Numbers = append(v.Numbers, Numbers{{"source_qps", source.QPS}, {"gain", gain}}...)
	if gain < p.cfg.MinGain {
		v.Reason = fmt.Sprintf("%s; no move makes %s at least %s%% less busy", hot, source.Name, percentText(p.cfg.MinGain))
		if why := o.excluded(source.Name); why != "" {
			v.Reason += " (" + why + ")"
		}
		return
	}
	p.actedBefore, p.lastBefore = p.acted, p.last
	p.acted, p.last = true, o.At
	v.Actions = []Action{Move}
	v.Moves = []ShardMove{best}
	v.Reason = fmt.Sprintf("%s; moving %s[%d] to %s makes the busier of the two nodes %s%% less busy%s", hot, best.Index, best.Shard, best.To, percentText(gain), howFar(o, v.Moves))
	v.Numbers = append(v.Numbers, distances(o, v.Moves)...)
}

// percentText writes a share in percent.
func percentText(share float64) string { return format(float64(100 * share)) }

// busiest is the node with the highest rate among those that are hot or hold a hot
// shard.
func busiest(o Observation, hot Hot) Node {
	names := map[string]bool{}
	for _, n := range hot.Nodes {
		names[n.Node.Name] = true
	}
	for _, s := range hot.Shards {
		names[s.Copy.Node] = true
	}
	var out Node
	for _, n := range o.Nodes {
		if names[n.Name] && (out.Name == "" || n.QPS > out.QPS) {
			out = n
		}
	}
	return out
}

// bestMove finds the move off source that leaves the busier of the two nodes least
// busy, and by which share. Of that share a move has to bring MinGain for every unit of
// distance before it counts.
func (p *Hotspot) bestMove(o Observation, source Node) (best ShardMove, gain float64) {
	if source.QPS <= 0 {
		return best, 0
	}
	targets := slices.Clone(o.Nodes)
	slices.SortStableFunc(targets, func(a, b Node) int { return descending(b.QPS, a.QPS) })
	most := 0.0
	for _, c := range o.Copies {
		if c.Node != source.Name || c.Moving || c.QPS <= 0 {
			continue
		}
		for _, t := range targets {
			if t.Name == source.Name || t.CPUPercent > p.cfg.Hot.CPUPercent || holds(o.Copies, t.Name, c) {
				continue
			}
			if ok, _ := o.MayHold(t, c.Index); !ok {
				continue
			}
			after := max(source.QPS-c.QPS, t.QPS+c.QPS)
			g, far := 1-after/source.QPS, o.distance(c, t)
			if worth := g - float64(p.cfg.MinGain*far); worth > most {
				best, gain, most = ShardMove{c.Index, c.Shard, source.Name, t.Name, c.Bytes, far}, g, worth
			}
			if !o.Distance.Known() {
				break // quieter targets were refused, busier ones are worse
			}
		}
	}
	return best, gain
}

// holds reports whether a node has a copy of the same shard.
func holds(copies []Copy, node string, c Copy) bool {
	return slices.ContainsFunc(copies, func(x Copy) bool { return x.Node == node && x.Index == c.Index && x.Shard == c.Shard })
}
