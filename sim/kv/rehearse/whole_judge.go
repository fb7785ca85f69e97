package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// watch measures how long shards are without a primary while there could be one.
type watch struct {
	shards map[shardmap.ID]*outage
}

// outage is since when a shard is not served, and since when it could be.
type outage struct {
	unserved, could sim.Time // 0 while it is served, or could not be
	well            string   // the machines that were well
	told            bool
}

// watchEvery is how often the watch looks.
const watchEvery = 200 * time.Millisecond

func bound(s *wire.Settings) time.Duration { return failover.Bound(s, failover.Usual()) }

// look notes who is served.
func (w *wholeNodes) look() {
	if !w.faults {
		return
	}
	if w.watch.shards == nil {
		w.watch.shards = make(map[shardmap.ID]*outage)
	}
	m := w.newest.Map()
	for i := range m.Len() {
		s := m.At(i)
		o := w.watch.shards[s.ID]
		if o == nil {
			o = &outage{}
			w.watch.shards[s.ID] = o
		}
		w.lookAt(s, o)
	}
	w.e.After(watchEvery, "kv.watch", w.look)
}

func (w *wholeNodes) lookAt(s *shardmap.Shard, o *outage) {
	now := w.e.Now()
	well := w.wellFor(s)
	if well == "" || s.Heir != "" || s.Origin != "" || len(s.Parts) > 0 || !superset(well, o.well) {
		o.could = 0
	}
	if o.well = well; well != "" && o.could == 0 {
		o.could = now
	}
	if w.served(s) {
		if o.unserved > 0 && o.could > 0 && !w.bothers {
			w.res.Outages = append(w.res.Outages, (now - max(o.unserved, o.could)).Duration())
		}
		o.unserved, o.told = 0, false
		return
	}
	if o.unserved == 0 {
		o.unserved = now
	}
	if d := (now - max(o.unserved, o.could)).Duration(); o.could > 0 && !w.bothers && !o.told && d > w.res.Bound+watchEvery {
		o.told = true
		w.problem("shard %s has no acting primary for %v, though %s are well; the bound is %v: %v", s.ID, d, well, w.res.Bound, s)
	}
}

func superset(now, before string) bool {
	for _, name := range strings.Fields(before) {
		if !strings.Contains(" "+now+" ", " "+name+" ") {
			return false
		}
	}
	return true
}

// wellFor is the machines that are well, if they have a majority of the metadata group, of the
// shard's copies and of each set of copies before, and "" otherwise. A copy that was found
// damaged has no say until it is repaired.
func (w *wholeNodes) wellFor(s *shardmap.Shard) string {
	var names []string
	is, whole := make(map[shardmap.NodeID]bool), make(map[shardmap.NodeID]bool)
	for _, m := range w.f.Machines() {
		if m.Up() && !m.Paused() && w.ill[m.Name()] == 0 && m.Node().ID() != "" {
			names = append(names, m.Name())
			is[m.Node().ID()] = true
			whole[m.Node().ID()] = !w.broken[copyOn(m, s.ID)]
		}
	}
	if !majority(w.newest.Voters(), is) || !majority(s.Replicas, whole) || slices.ContainsFunc(s.Fence, func(set []shardmap.NodeID) bool { return !majority(set, whole) }) {
		return ""
	}
	return strings.Join(names, " ")
}

func majority(set []shardmap.NodeID, has map[shardmap.NodeID]bool) bool {
	n := 0
	for _, id := range set {
		if has[id] {
			n++
		}
	}
	return n > len(set)/2
}

// served reports whether a primary acts in the shard's epoch and has heard of a majority
// lately.
func (w *wholeNodes) served(s *shardmap.Shard) bool {
	p := w.f.Primary(s.ID)
	if p == nil || p.Paused() {
		return false
	}
	st := p.Node().Copy(s.ID).Status()
	return st.Promised == s.Epoch && len(st.InSync) > len(s.Replicas)/2
}

// lacks is what is missing for the cluster to be whole, or "".
func (w *wholeNodes) lacks() string {
	l := w.f.Leader()
	if l == nil {
		return "no leader"
	}
	s := l.Node().Group().State()
	set := s.Settings()
	voters, active := 0, 0
	for i := range s.Members() {
		m := &s.Members()[i]
		if m.Role == wire.Voter {
			voters++
		}
		if m.State == wire.Active && !m.Down {
			active++
		}
	}
	if active < len(w.f.Machines()) {
		return fmt.Sprintf("%d of %d nodes", active, len(w.f.Machines()))
	}
	if voters != int(set.Voters) {
		return fmt.Sprintf("%d voters", voters)
	}
	for i := range s.Map().Len() {
		sh := s.Map().At(i)
		p := w.f.Primary(sh.ID)
		switch {
		case p == nil:
			return fmt.Sprintf("shard %v has no primary: %s", sh, w.copies(sh))
		case !sh.Settled() || len(sh.Replicas) != int(set.Replicas):
			return fmt.Sprintf("shard %+v is not settled, or has too few copies", *sh)
		case len(p.Node().Copy(sh.ID).Status().InSync) != int(set.Replicas):
			return fmt.Sprintf("shard %v: only %v are in sync", sh, p.Node().Copy(sh.ID).Status().InSync)
		}
	}
	return ""
}

// copies tells how the copies of a shard are.
func (w *wholeNodes) copies(s *shardmap.Shard) (out string) {
	for _, m := range w.f.Machines() {
		if m.Up() && m.Node().Copy(s.ID) != nil {
			out += fmt.Sprintf("\n%s (knows revision %d): %+v", m.Node().ID(), m.Node().State().Revision(), m.Node().Copy(s.ID).Status())
		}
	}
	return out
}

func (w *wholeNodes) isWhole() bool { return w.lacks() == "" }

// judge checks what must hold when all is healed and quiet.
func (w *wholeNodes) judge() {
	w.res.Report = check.Registers(w.history, check.Floor{Ops: 50, Overlaps: 5})
	s := w.newest
	if err := s.Map().Check(); err != nil {
		w.problem("%v", err)
	}
	byID := make(map[shardmap.NodeID]*kv.Machine)
	for _, m := range w.f.Machines() {
		if m.Up() {
			byID[m.Node().ID()] = m
		}
	}
	for i := range s.Map().Len() {
		sh := s.Map().At(i)
		want := ""
		for j, id := range sh.Replicas {
			m := byID[id]
			if m == nil || m.Node().Copy(sh.ID) == nil {
				w.problem("no copy of %v on %s", sh, id)
				continue
			}
			got := content(m, sh.ID)
			if j > 0 && got != want {
				w.problem("the copies of %s on %s and %s differ:\n%s\n%s", sh.ID, sh.Replicas[0], id, want, got)
			}
			want = got
		}
	}
}

// content is what a copy answers a scan with.
func content(m *kv.Machine, id shardmap.ID) (out string) {
	e := m.Node().Copy(id).Step(m.Now(), replica.Request{R: &wire.Request{Shard: id, Kind: wire.Scan, Level: wire.One,
		Start: m.Node().State().Map().Get(id).Start, End: m.Node().State().Map().Get(id).End}})
	if len(e.Answers) == 0 {
		return "no answer"
	}
	for _, i := range e.Answers[0].R.Items {
		out += fmt.Sprintf("%s=%s@%d\n", i.Key, i.Value, i.Version)
	}
	return out
}
