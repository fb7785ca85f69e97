package policy

import (
	"fmt"
	"maps"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
)

// DiskConfig configures the disk policy; zero values mean the defaults.
type DiskConfig struct {
	// ActAbove is the use of a disk in percent above which shards leave it. Default 80:
	// five below Elasticsearch's low watermark, at which allocation to the node stops.
	ActAbove float64
	// Until is the use that the moves aim at. Default 75. It is also the most that a
	// target may be filled to.
	Until float64
	// MaxMoves limits the moves of one decision. Default 2.
	MaxMoves int
	// CoolDown is the time between two decisions to move. Default 2 m.
	CoolDown time.Duration
}

// Disk moves shards off filling disks before Elasticsearch's watermarks stop
// allocation (85 %), force shards away (90 %) and block writes (95 %).
//
// From the fullest disk it moves as few copies as will do, each to the nearest node that
// has room, may hold it by its roles, and has no copy of the same shard; of equally near
// ones to that with the most free space. Elasticsearch's balancer, which
// counts shards, would send others back at once; so rebalancing is held until the disks
// that were relieved could take back what left them.
type Disk struct {
	cfg   DiskConfig
	acted bool
	last  time.Duration
	left  map[string]int64 // bytes that left each node while rebalancing is held
	// What they were before the last decision that acted.
	actedBefore bool
	lastBefore  time.Duration
	leftBefore  map[string]int64
}

// Failed implements [Told].
func (p *Disk) Failed() { p.acted, p.last, p.left = p.actedBefore, p.lastBefore, p.leftBefore }

// remember keeps what a decision is about to change.
func (p *Disk) remember() {
	p.actedBefore, p.lastBefore, p.leftBefore = p.acted, p.last, maps.Clone(p.left)
}

func disk() Kind {
	return Kind{
		Name: "disk", About: "moves shards off filling disks before Elasticsearch's watermarks bite",
		New: func() Policy { return NewDisk(DiskConfig{}) },
	}
}

// NewDisk makes the policy.
func NewDisk(cfg DiskConfig) *Disk {
	if cfg.ActAbove == 0 {
		cfg.ActAbove = 80
	}
	if cfg.Until == 0 {
		cfg.Until = 75
	}
	if cfg.MaxMoves == 0 {
		cfg.MaxMoves = 2
	}
	if cfg.CoolDown == 0 {
		cfg.CoolDown = 2 * time.Minute
	}
	return &Disk{cfg: cfg, left: make(map[string]int64)}
}

// Name implements [Policy].
func (p *Disk) Name() string { return "disk" }

// Needs implements [Policy].
func (p *Disk) Needs() Needs { return Needs{Disk: true, Bytes: true} }

// Decide implements [Policy].
func (p *Disk) Decide(o Observation) Verdict {
	fullest, use := -1, 0.0
	for i, n := range o.Nodes {
		if u := diskUse(n, 0); n.DiskTotal > 0 && u > use {
			fullest, use = i, u
		}
	}
	v := Verdict{Numbers: Numbers{{"fullest_percent", use}, {"act_above", p.cfg.ActAbove}, {"until", p.cfg.Until}}}
	if fullest < 0 {
		v.Reason = "how full the disks are is not known"
		return v
	}
	source := o.Nodes[fullest]
	grounds := fmt.Sprintf("the disk of %s is %s%% full", source.Name, format(use))
	switch {
	case len(p.left) > 0 && p.roomy(o):
		p.remember()
		clear(p.left)
		v.Actions = []Action{Release}
		v.Reason = fmt.Sprintf("%s; every disk could take back what left it and stay below %s%%", grounds, format(p.cfg.Until))
	case use <= p.cfg.ActAbove:
		v.Reason = fmt.Sprintf("%s, not above %s%%", grounds, format(p.cfg.ActAbove))
	case o.Relocating+o.Initializing > 0:
		v.Reason = fmt.Sprintf("%s, but %d shards are on the move already", grounds, o.Relocating+o.Initializing)
	case p.acted && o.At-p.last < p.cfg.CoolDown:
		v.Reason = fmt.Sprintf("%s, but acted %v ago; cool-down is %v", grounds, (o.At - p.last).Round(time.Second), p.cfg.CoolDown)
	default:
		p.relieve(o, source, grounds, &v)
	}
	return v
}

func (p *Disk) relieve(o Observation, source Node, grounds string, v *Verdict) {
	moves := p.plan(o, source)
	if len(moves) == 0 {
		v.Reason = fmt.Sprintf("%s, and no shard of it fits on another node below %s%%: the cluster needs more disk", grounds, format(p.cfg.Until))
		if why := o.excluded(source.Name); why != "" {
			v.Reason += " (" + why + ")"
		}
		return
	}
	p.remember()
	p.acted, p.last = true, o.At
	v.Actions, v.Moves = []Action{Hold, Move}, moves
	if planted.Is(planted.Thrashes) {
		v.Actions = []Action{Move}
	}
	for _, m := range moves {
		p.left[m.From] += m.Bytes
	}
	v.Reason = fmt.Sprintf("%s, above %s%%: %d shards leave it%s", grounds, format(p.cfg.ActAbove), len(moves), howFar(o, moves))
	v.Numbers = append(v.Numbers, distances(o, moves)...)
}

// roomy reports whether every node could take back what left it.
func (p *Disk) roomy(o Observation) bool {
	for _, n := range o.Nodes {
		if n.DiskTotal > 0 && diskUse(n, p.left[n.Name]) >= p.cfg.Until {
			return false
		}
	}
	return true
}

// plan picks copies until the disk is down to the aim, or the limit is reached.
func (p *Disk) plan(o Observation, source Node) []ShardMove {
	incoming := map[string]int64{}
	taken := map[int]bool{}
	need := source.DiskUsed - int64(float64(source.DiskTotal)*(p.cfg.Until/100))
	var moves []ShardMove
	for need > 0 && len(moves) < p.cfg.MaxMoves {
		i, to := p.pick(o, source, need, incoming, taken)
		if i < 0 {
			break
		}
		c := o.Copies[i]
		taken[i] = true
		incoming[to] += c.Bytes
		need -= c.Bytes
		moves = append(moves, ShardMove{c.Index, c.Shard, source.Name, to, c.Bytes, o.distance(c, o.node(to))})
	}
	return moves
}

// pick chooses the copy with the shortest way, of those the smallest copy that is enough,
// or the largest one when none is.
func (p *Disk) pick(o Observation, source Node, need int64, incoming map[string]int64, taken map[int]bool) (index int, target string) {
	best, nearest := -1, 0.0
	for i, c := range o.Copies {
		if c.Node != source.Name || c.Moving || c.Bytes <= 0 || taken[i] {
			continue
		}
		to, far := p.roomiest(o, source, c, incoming)
		if to == "" {
			continue
		}
		if best < 0 || far < nearest || (far == nearest && better(c.Bytes, o.Copies[best].Bytes, need)) {
			best, target, nearest = i, to, far
		}
	}
	return best, target
}

// better reports whether a copy of a bytes suits the need better than one of b bytes.
func better(a, b, need int64) bool {
	if (a >= need) != (b >= need) {
		return a >= need
	}
	if a >= need {
		return a < b
	}
	return a > b
}

// roomiest is the nearest node that takes the copy, of those the least full with the copy
// on it; "" when none does.
func (p *Disk) roomiest(o Observation, source Node, c Copy, incoming map[string]int64) (best string, far float64) {
	least := 0.0
	for _, n := range o.Nodes {
		if n.Name == source.Name || n.DiskTotal == 0 || holds(o.Copies, n.Name, c) {
			continue
		}
		if ok, _ := o.MayHold(n, c.Index); !ok {
			continue
		}
		u, d := diskUse(n, incoming[n.Name]+c.Bytes), o.distance(c, n)
		if u < p.cfg.Until && (best == "" || d < far || (d == far && u < least)) {
			best, far, least = n.Name, d, u
		}
	}
	return best, far
}

// diskUse is the use of a node's disk in percent with some bytes more on it.
func diskUse(n Node, more int64) float64 {
	if n.DiskTotal == 0 {
		return 0
	}
	return 100 * float64(n.DiskUsed+more) / float64(n.DiskTotal)
}
