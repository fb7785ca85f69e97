package backend

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/delta"
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
	c     *elastic.Cluster
	sinks []func(observed.Observation)

	best      *state.State // nil: no node has a master
	tally     delta.Tally
	members   observed.Members
	known     bool
	health    observed.Health
	views     map[string]observed.View
	names     memberNames
	disks     map[string]observed.Disk
	loads     map[string]observed.NodeLoad
	heartbeat bool
	ticks     int
	hot       []observed.ShardLoad
	hotAt     uint64 // fluidLoad.version when they were looked for
}

// Observe has sink told of everything that changes, from now on, beginning with what is.
// Times of observations are since the start of the run.
func Observe(c *elastic.Cluster, sink func(observed.Observation)) {
	w, ok := c.Watch.(*watchers)
	if !ok {
		w = &watchers{}
		c.Watch = w
	}
	w.c = c
	w.sinks = append(w.sinks, sink)
	w.views = make(map[string]observed.View)
	w.disks = make(map[string]observed.Disk)
	w.loads = make(map[string]observed.NodeLoad)
	w.known, w.best = false, nil
	w.recount()
	for _, n := range c.Nodes() {
		w.view(n)
	}
	if !w.heartbeat {
		w.heartbeat = true
		w.tick()
	}
}

func (w *watchers) on() bool { return len(w.sinks) > 0 }

func (w *watchers) emit(o observed.Observation) {
	o.At = w.c.Now()
	for _, f := range w.sinks {
		f(o)
	}
}

// Applied follows a node's new state.
func (w *watchers) Applied(p *elastic.Process, d *delta.Delta) {
	if !w.on() {
		return
	}
	if d.Old.Master != d.New.Master || len(d.Joined)+len(d.Left) > 0 {
		w.view(p.Node)
	}
	switch {
	case d.New.Master == "":
		w.recount()
	case w.best == nil || newer(d.New, w.best):
		w.adopt(d.New)
	}
}

func newer(a, b *state.State) bool {
	return a.Term > b.Term || a.Term == b.Term && a.Version > b.Version
}

// NodeChanged follows a node that was started, killed or frozen.
func (w *watchers) NodeChanged(n *elastic.Node) {
	if w.on() {
		w.view(n)
		w.recount()
	}
}

// recount looks for the view with authority among all nodes.
func (w *watchers) recount() {
	var best *state.State
	for _, n := range w.c.Nodes() {
		if p := n.Proc; p != nil && !p.Paused && p.Applied.Master != "" && (best == nil || newer(p.Applied, best)) {
			best = p.Applied
		}
	}
	if best == nil {
		w.best = nil
		w.emitHealth()
		return
	}
	if w.tally.Of == nil || best == w.tally.Of || newer(best, w.tally.Of) {
		w.adopt(best)
	}
}

// adopt takes a state as the one with authority.
func (w *watchers) adopt(st *state.State) {
	w.best = st
	from := w.tally.Of
	if from == nil {
		from = elastic.EmptyState(w.c.Name())
	}
	d := w.c.Deltas.Between(from, st)
	w.tally.Move(d)
	if !w.known {
		w.known = true
		d = delta.Compute(elastic.EmptyState(w.c.Name()), st)
	}
	w.emitMembers(st)
	w.emitShards(d)
	w.emitHealth()
}

func (w *watchers) emitMembers(st *state.State) {
	m := observed.Members{Master: w.name(st.Master)}
	for _, n := range st.Nodes {
		m.Nodes = append(m.Nodes, n.Name)
	}
	slices.Sort(m.Nodes)
	if m.Master == w.members.Master && slices.Equal(m.Nodes, w.members.Nodes) {
		return
	}
	w.members = m
	w.emit(observed.Observation{Sight: m})
}

func (w *watchers) name(id string) string {
	if n := w.c.ByID[id]; n != nil {
		return n.Name()
	}
	return ""
}

func (w *watchers) emitHealth() {
	h := w.tally.Health()
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
	w.emit(observed.Observation{Sight: h})
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
func (w *watchers) emitShards(d *delta.Delta) {
	var out []observed.Copy
	for i := range d.Changes {
		ch := &d.Changes[i]
		size := int64(-1)
		if a := w.c.Invariants.Acting[store.Key{UUID: ch.Meta.UUID, Shard: ch.New.Shard}]; a != nil {
			size = a.Store.Bytes()
		}
		for _, c := range ch.New.Copies {
			out = append(out, w.copy(c, size))
		}
	}
	if len(out) > 0 {
		w.emit(observed.Observation{Sight: observed.Copies(out)})
	}
}

// SizesChanged tells the shards of an index again because their sizes have changed.
func (w *watchers) SizesChanged(index string) {
	if w.on() && w.best != nil {
		w.emitShards(&delta.Delta{Changes: wholeIndex(w.best, index)})
	}
}

// wholeIndex lists all shards of an index as if they had changed.
func wholeIndex(st *state.State, index string) []delta.Change {
	meta, t := st.Index(index), st.Routing.Index(index)
	if meta == nil || t == nil {
		return nil
	}
	out := make([]delta.Change, 0, len(t.Shards))
	for _, sh := range t.Shards {
		out = append(out, delta.Change{Meta: meta, Old: sh, New: sh})
	}
	return out
}

func (w *watchers) copy(c *state.Copy, size int64) observed.Copy {
	o := observed.Copy{
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

// memberNames are the names of a cluster state's nodes, in their order. Nodes that have applied the
// same state share them: each having its own would grow with the square of the nodes.
type memberNames struct {
	nodes []*state.Node
	names []string
}

func (m *memberNames) of(nodes []*state.Node) []string {
	if len(nodes) == 0 {
		return nil
	}
	if len(m.nodes) != len(nodes) || &m.nodes[0] != &nodes[0] {
		names := make([]string, len(nodes))
		for i, n := range nodes {
			names[i] = n.Name
		}
		slices.Sort(names)
		m.nodes, m.names = nodes, names
	}
	return m.names
}

// view tells what a node would answer about itself.
func (w *watchers) view(n *elastic.Node) {
	v := observed.View{Node: n.Name(), State: "ok"}
	switch p := n.Proc; {
	case p == nil || !p.HTTP:
		v.State = "refused"
	case p.Paused:
		v.State = "timeout"
	default:
		v.Master = w.name(p.Applied.Master)
		v.Nodes = w.names.of(p.Applied.Nodes)
	}
	was, ok := w.views[n.Name()]
	if ok && was.State == v.State && was.Master == v.Master && slices.Equal(was.Nodes, v.Nodes) {
		return
	}
	w.views[n.Name()] = v
	w.emit(observed.Observation{Sight: v})
}

// Recovery tells of a recovery that has entered a stage or ended.
func (w *watchers) Recovery(r *elastic.Recovery) {
	if !w.on() {
		return
	}
	s := r.Shard
	o := observed.Recovery{
		Index: s.Index, Shard: s.Key.Shard, ID: s.Routing.AllocationID, Primary: s.Routing.Primary,
		To: s.Process.Node.Name(), Stage: string(r.Stage), Start: time.Duration(r.Begun), Failed: r.Failed,
		Kind: name(r), Reason: reason(r), Bytes: r.Progress(), Ops: r.OpsDone,
	}
	for _, seg := range r.Plan.Copy {
		o.BytesTotal += seg.Bytes
	}
	if r.Source != nil {
		o.From = r.Source.Name()
	}
	if r.Over {
		o.Stop = w.c.Now()
	}
	w.emit(observed.Observation{Sight: o})
}

// name is how the traces call a kind of recovery.
func name(r *elastic.Recovery) string {
	switch {
	case r.Kind == state.Snapshot:
		return "snapshot"
	case r.Kind != state.Peer:
		return "local"
	case !r.Planned:
		return ""
	case len(r.Plan.Copy) == 0:
		return "ops"
	}
	return "files"
}

func reason(r *elastic.Recovery) string {
	switch {
	case r.Kind == state.Snapshot:
		return "snapshot"
	case r.Kind != state.Peer:
		return "store"
	case r.Shard.Routing.IsRelocationTarget():
		return "relocation"
	}
	return "replica"
}

// tick looks at disks and loads.
func (w *watchers) tick() {
	w.observeDisks()
	w.observeLoads()
	if w.ticks++; w.ticks%sizeTicks == 0 {
		for _, l := range w.c.Fluid.Loads {
			if l.WritesPerSec > 0 {
				w.SizesChanged(l.Index)
			}
		}
	}
	w.c.Engine().After(observeInterval, "observe", w.tick)
}

func (w *watchers) observeDisks() {
	var out []observed.Disk
	for _, n := range w.c.Nodes() {
		// What recoveries write is looked at every time, the growth of indices less often.
		if n.Limiter.Flows() > 0 || w.ticks%growthTicks == 0 {
			n.Account()
		}
		d := observed.Disk{Node: n.Name(), Used: n.Disk().Used(), Total: n.Disk().Total()}
		if w.disks[d.Node] != d {
			w.disks[d.Node] = d
			out = append(out, d)
		}
	}
	if len(out) > 0 {
		w.emit(observed.Observation{Sight: observed.Disks(out)})
	}
}
