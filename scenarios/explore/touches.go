package explore

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// calm is what the run without a fault shows of what faults could touch. As long as none of a
// plan's faults touches anything the run is that one, so that each fault can be asked about by
// itself.
//
// It knows of little, and of that for certain: what instances of the controller send and are
// answered, how full disks are, and what never comes that a fault waits for. Nodes always talk
// to each other and write, and health checks that fail nobody are reckoned, not sent one by one:
// of those nothing is said.
type calm struct {
	topology chaos.Topology
	end      time.Duration
	// busy are the times in which a viewer has something on its way, or is waited for.
	busy    map[string][]span
	history *observed.History
}

type span struct{ from, to time.Duration }

// apart is by how much times may be off with the seed of another plan: what goes on at the
// edges of a fault counts as touched.
const apart = time.Second

// exchanges collects what viewers and nodes send each other, from the events of a run.
type exchanges struct {
	viewers []string
	open    map[string]int           // requests that are not answered, by "viewer>node"
	since   map[string]time.Duration // when that began, or the last message was
	busy    map[string][]span
}

func newExchanges(t chaos.Topology) *exchanges {
	return &exchanges{viewers: t.Controllers, open: map[string]int{}, since: map[string]time.Duration{}, busy: map[string][]span{}}
}

// happened takes an event of the run in.
func (x *exchanges) happened(e scenarios.Event) {
	link, is := strings.CutPrefix(e.What, "net.deliver ")
	from, to, linked := strings.Cut(link, ">")
	switch {
	case !is || !linked:
	case slices.Contains(x.viewers, from):
		if x.open[link] == 0 {
			x.since[link] = e.At
		}
		x.open[link]++
	case slices.Contains(x.viewers, to):
		// An answer to what was not seen to be sent: it was under way since the last one.
		asked := to + ">" + from
		x.busy[to] = append(x.busy[to], span{x.since[asked], e.At})
		x.open[asked] = max(0, x.open[asked]-1)
		x.since[asked] = e.At
	}
}

// spans are the times in which each viewer was busy, from t=0; what was not answered goes on to
// the end.
func (x *exchanges) spans(zero, end time.Duration) map[string][]span {
	out := map[string][]span{}
	for _, v := range x.viewers {
		for _, s := range x.busy[v] {
			out[v] = append(out[v], span{s.from - zero, s.to - zero})
		}
	}
	for asked, n := range x.open { //determinism:allow map-order each is looked at by itself
		if v, _, _ := strings.Cut(asked, ">"); n > 0 {
			out[v] = append(out[v], span{x.since[asked] - zero, end})
		}
	}
	return out
}

// untouched reports whether none of a plan's faults touches anything.
func (c *calm) untouched(p chaos.Plan) bool {
	if c == nil || len(p.Entries) == 0 {
		return false
	}
	return !slices.ContainsFunc(p.Entries, c.touches)
}

func (c *calm) touches(e chaos.Entry) bool {
	if e.Until != "" {
		return true
	}
	if e.Trigger != nil {
		return !c.never(*e.Trigger)
	}
	from, to := e.At.D(), c.end
	if d := e.Fault.Lasts(); d > 0 {
		to = from + d
	}
	switch f := e.Fault.(type) {
	case *chaos.APIErrors:
		return !c.quiet(f.Controller, from, to)
	case *chaos.ClockJump:
		return f.For == 0 || f.Node != "" || !c.quiet(f.Controller, from, to)
	case *chaos.Partition:
		return !c.quietSides(f.Between, from, to)
	case *chaos.Link:
		return !c.quietSides(f.Between, from, to)
	case *chaos.DiskPressure:
		return !c.fuller(string(f.Node), float64(f.To), from)
	}
	return true
}

// quiet reports whether an instance of the controller has nothing to do with the nodes in a time.
func (c *calm) quiet(controller string, from, to time.Duration) bool {
	if controller == "" {
		controller = scenarios.ViewerController
	}
	if !slices.Contains(c.topology.Controllers, controller) {
		return false
	}
	return !slices.ContainsFunc(c.busy[controller], func(s span) bool { return s.from <= to+apart && s.to >= from-apart })
}

// quietSides is quiet for each of one side of a cut, where it is controllers alone.
func (c *calm) quietSides(side []chaos.Selector, from, to time.Duration) bool {
	return len(side) > 0 && !slices.ContainsFunc(side, func(s chaos.Selector) bool {
		return string(s) == "" || !c.quiet(string(s), from, to)
	})
}

// fuller reports whether a node's disk is fuller already than a fault would make it.
func (c *calm) fuller(node string, percent float64, at time.Duration) bool {
	full := false
	for _, o := range c.history.Observations {
		disks, is := o.Sight.(observed.Disks)
		if !is || o.At > at {
			continue
		}
		for _, d := range disks {
			if d.Node == node && d.Total > 0 {
				full = 100*float64(d.Used)/float64(d.Total) > percent+1
			}
		}
	}
	return full
}

// never reports whether what a fault waits for does not come.
func (c *calm) never(t chaos.Trigger) bool {
	switch {
	case t.After != nil:
		return false // of another fault: it may come
	case t.While != nil:
		return !slices.ContainsFunc(c.history.Observations, func(o observed.Observation) bool {
			copies, is := o.Sight.(observed.Copies)
			return is && slices.ContainsFunc(copies, func(x observed.Copy) bool {
				return x.Index == t.While.Relocates && x.To != "" || x.Index == t.While.Recovers && x.State == "INITIALIZING"
			})
		})
	}
	state, again := t.When.Again()
	return !again && (state == "yellow" || state == "red") && !slices.ContainsFunc(c.history.Observations, func(o observed.Observation) bool {
		h, is := o.Sight.(observed.Health)
		return is && h.Status == state
	})
}
