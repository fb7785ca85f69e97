package elastic

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// observeInterval is how often disks and loads are looked at.
const observeInterval = 5 * time.Second

// sizeTicks is every how many of these looks the sizes of shards that are being written
// to are told again.
const sizeTicks = 12

// growthTicks is every how many looks the disks of nodes without recoveries are summed up.
const growthTicks = 6

// watchers tell observers what changes in the cluster. The view with authority is the
// newest applied state that names a master, whoever holds it.
type watchers struct {
	c     *Cluster
	sinks []func(scenarios.Observation)

	best      *state.State // nil: no node has a master
	tally     tally
	members   scenarios.Members
	known     bool
	health    scenarios.Health
	views     map[string]scenarios.View
	disks     map[string]scenarios.Disk
	loads     map[string]scenarios.NodeLoad
	heartbeat bool
	ticks     int
	hot       []scenarios.ShardLoad
	hotAt     uint64 // fluidLoad.version when they were looked for
}

// Observe has sink told of everything that changes, from now on, beginning with what is.
// Times of observations are since the start of the run.
func (c *Cluster) Observe(sink func(scenarios.Observation)) {
	w := &c.watch
	w.c = c
	w.sinks = append(w.sinks, sink)
	w.views = make(map[string]scenarios.View)
	w.disks = make(map[string]scenarios.Disk)
	w.loads = make(map[string]scenarios.NodeLoad)
	w.known, w.best = false, nil
	w.recount()
	for _, n := range c.nodes {
		w.view(n)
	}
	if !w.heartbeat {
		w.heartbeat = true
		w.tick()
	}
}

func (w *watchers) on() bool { return len(w.sinks) > 0 }

func (w *watchers) emit(o scenarios.Observation) {
	o.At = w.c.now()
	for _, f := range w.sinks {
		f(o)
	}
}

// applied follows a node's new state.
func (w *watchers) applied(p *process, d *delta) {
	if !w.on() {
		return
	}
	if d.old.Master != d.new.Master || len(d.joined)+len(d.left) > 0 {
		w.view(p.n)
	}
	switch {
	case d.new.Master == "":
		w.recount()
	case w.best == nil || newer(d.new, w.best):
		w.adopt(d.new)
	}
}

func newer(a, b *state.State) bool {
	return a.Term > b.Term || a.Term == b.Term && a.Version > b.Version
}

// nodeChanged follows a node that was started, killed or frozen.
func (w *watchers) nodeChanged(n *Node) {
	if w.on() {
		w.view(n)
		w.recount()
	}
}

// recount looks for the view with authority among all nodes.
func (w *watchers) recount() {
	var best *state.State
	for _, n := range w.c.nodes {
		if p := n.proc; p != nil && !p.paused && p.applied.Master != "" && (best == nil || newer(p.applied, best)) {
			best = p.applied
		}
	}
	if best == nil {
		w.best = nil
		w.emitHealth()
		return
	}
	if w.tally.of == nil || best == w.tally.of || newer(best, w.tally.of) {
		w.adopt(best)
	}
}

// adopt takes a state as the one with authority.
func (w *watchers) adopt(st *state.State) {
	w.best = st
	from := w.tally.of
	if from == nil {
		from = emptyState(w.c.name)
	}
	d := w.c.deltas.between(from, st)
	w.tally.move(d)
	if !w.known {
		w.known = true
		d = computeDelta(emptyState(w.c.name), st)
	}
	w.emitMembers(st)
	w.emitShards(d)
	w.emitHealth()
}

func (w *watchers) emitMembers(st *state.State) {
	m := scenarios.Members{Master: w.name(st.Master)}
	for _, n := range st.Nodes {
		m.Nodes = append(m.Nodes, n.Name)
	}
	slices.Sort(m.Nodes)
	if m.Master == w.members.Master && slices.Equal(m.Nodes, w.members.Nodes) {
		return
	}
	w.members = m
	w.emit(scenarios.Observation{Sight: m})
}

func (w *watchers) name(id string) string {
	if n := w.c.byID[id]; n != nil {
		return n.Name()
	}
	return ""
}

func (w *watchers) emitHealth() {
	h := w.tally.health()
	if w.best == nil {
		h.Status, h.Master, h.Blocks = "red", false, "no-master"
	} else {
		h.Blocks = blocksInForce(w.best)
	}
	same := w.health
	same.Version = h.Version // a version that changes nothing is no news
	if same == h && w.health.Status != "" {
		return
	}
	w.health = h
	w.emit(scenarios.Observation{Sight: h})
}

// blocksInForce names the blocks of a state.
func blocksInForce(st *state.State) string {
	var names []string
	for _, b := range st.Global {
		names = append(names, fmt.Sprint(b.ID))
	}
	for _, ix := range st.Blocks {
		for _, b := range ix.Blocks {
			names = append(names, fmt.Sprintf("%s:%d", ix.Index, b.ID))
		}
	}
	return strings.Join(names, " ")
}

// emitShards tells all copies of the shards that changed.
func (w *watchers) emitShards(d *delta) {
	var out []scenarios.Copy
	for i := range d.changes {
		ch := &d.changes[i]
		size := int64(-1)
		if a := w.c.inv.acting[store.Key{UUID: ch.meta.UUID, Shard: ch.new.Shard}]; a != nil {
			size = a.store.Bytes()
		}
		for _, c := range ch.new.Copies {
			out = append(out, w.copy(c, size))
		}
	}
	if len(out) > 0 {
		w.emit(scenarios.Observation{Sight: scenarios.Copies(out)})
	}
}

// sizesChanged tells the shards of an index again because their sizes have changed.
func (w *watchers) sizesChanged(index string) {
	if w.on() && w.best != nil {
		w.emitShards(&delta{changes: wholeIndex(w.best, index)})
	}
}

// wholeIndex lists all shards of an index as if they had changed.
func wholeIndex(st *state.State, index string) []shardChange {
	meta, t := st.Index(index), st.Routing.Index(index)
	if meta == nil || t == nil {
		return nil
	}
	out := make([]shardChange, 0, len(t.Shards))
	for _, sh := range t.Shards {
		out = append(out, shardChange{meta: meta, old: sh, new: sh})
	}
	return out
}

func (w *watchers) copy(c *state.Copy, size int64) scenarios.Copy {
	o := scenarios.Copy{
		Index: c.Index, Shard: c.Shard, Primary: c.Primary, State: c.State.String(),
		Node: w.name(c.Node), ID: c.AllocationID, Bytes: size,
	}
	if c.State == state.Relocating {
		o.To = w.name(c.Other)
	}
	if c.Info != nil {
		o.Reason, o.Delayed = string(c.Info.Reason), c.Info.Delayed
	}
	return o
}

// view tells what a node would answer about itself.
func (w *watchers) view(n *Node) {
	v := scenarios.View{Node: n.Name(), State: "ok"}
	switch p := n.proc; {
	case p == nil || !p.http:
		v.State = "refused"
	case p.paused:
		v.State = "timeout"
	default:
		v.Master = w.name(p.applied.Master)
		for _, m := range p.applied.Nodes {
			v.Nodes = append(v.Nodes, m.Name)
		}
		slices.Sort(v.Nodes)
	}
	was, ok := w.views[n.Name()]
	if ok && was.State == v.State && was.Master == v.Master && slices.Equal(was.Nodes, v.Nodes) {
		return
	}
	w.views[n.Name()] = v
	w.emit(scenarios.Observation{Sight: v})
}

// recovery tells of a recovery that has entered a stage or ended.
func (w *watchers) recovery(r *recoveryRun) {
	if !w.on() {
		return
	}
	s := r.s
	o := scenarios.Recovery{
		Index: s.index, Shard: s.key.Shard, ID: s.routing.AllocationID, Primary: s.routing.Primary,
		To: s.p.n.Name(), Stage: string(r.stage), Start: time.Duration(r.begun), Failed: r.failed,
		Kind: r.name(), Reason: r.reason(), Bytes: r.progress(), Ops: r.opsDone,
	}
	for _, seg := range r.plan.Copy {
		o.BytesTotal += seg.Bytes
	}
	if r.source != nil {
		o.From = r.source.Name()
	}
	if r.over {
		o.Stop = w.c.now()
	}
	w.emit(scenarios.Observation{Sight: o})
}

// name is how the traces call a kind of recovery.
func (r *recoveryRun) name() string {
	switch {
	case r.kind == state.Snapshot:
		return "snapshot"
	case r.kind != state.Peer:
		return "local"
	case !r.planned:
		return ""
	case len(r.plan.Copy) == 0:
		return "ops"
	}
	return "files"
}

func (r *recoveryRun) reason() string {
	switch {
	case r.kind == state.Snapshot:
		return "snapshot"
	case r.kind != state.Peer:
		return "store"
	case r.s.routing.IsRelocationTarget():
		return "relocation"
	}
	return "replica"
}

// tick looks at disks and loads.
func (w *watchers) tick() {
	w.observeDisks()
	w.observeLoads()
	if w.ticks++; w.ticks%sizeTicks == 0 {
		for _, l := range w.c.fluid.loads {
			if l.WritesPerSec > 0 {
				w.sizesChanged(l.Index)
			}
		}
	}
	w.c.e.After(observeInterval, "observe", w.tick)
}

func (w *watchers) observeDisks() {
	var out []scenarios.Disk
	for _, n := range w.c.nodes {
		// What recoveries write is looked at every time, the growth of indices less often.
		if n.limiter.Flows() > 0 || w.ticks%growthTicks == 0 {
			n.account()
		}
		d := scenarios.Disk{Node: n.Name(), Used: n.disk.Used(), Total: n.disk.Total()}
		if w.disks[d.Node] != d {
			w.disks[d.Node] = d
			out = append(out, d)
		}
	}
	if len(out) > 0 {
		w.emit(scenarios.Observation{Sight: scenarios.Disks(out)})
	}
}
