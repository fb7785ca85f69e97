package oracle

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

// drawEvents lets nodes leave, time pass, and nodes return or join. It reports whether
// the members share no bucket at any time.
func (d *drawer) drawEvents() bool {
	leavers := 1
	if len(d.nodes) > 3 && d.chance(0.3) {
		leavers = 2
		if d.Bold && len(d.nodes) > 5 {
			leavers = d.between(2, 5)
		}
	}
	round := 1
	if d.family != "node_left" {
		round = d.between(1, 3)
	}
	order := d.Perm(len(d.nodes))[:leavers]
	for _, i := range order {
		d.event(cases.Event{Round: round, Type: "node_left", Left: d.nodes[i].ID})
		if d.chance(0.3) {
			round++
		}
	}
	d.pass(round + d.between(1, 3))
	joins := round + d.between(1, 5)
	switch {
	case d.chance(0.25):
		d.event(cases.Event{Round: joins, Type: "node_joined", Joined: copyOf(*d.spare)})
	case d.chance(0.7):
		for _, i := range order {
			if i == order[0] || d.Bold && d.chance(0.7) {
				d.event(cases.Event{Round: joins + d.IntN(2), Type: "node_joined", Joined: copyOf(d.nodes[i])})
			}
		}
	}
	slices.SortStableFunc(d.c.Events, func(a, b cases.Event) int { return a.Round - b.Round })
	return d.membersApart()
}

func (d *drawer) event(e cases.Event) { d.c.Events = append(d.c.Events, e) }

// pass lets the time of delays pass, mostly.
func (d *drawer) pass(round int) {
	switch {
	case d.chance(0.15):
	case d.chance(0.3):
		d.event(cases.Event{Round: round, Type: "advance_time", Millis: 31_000})
		d.event(cases.Event{Round: round + 1, Type: "advance_time", Millis: 30_000})
	case d.Bold:
		d.event(cases.Event{Round: round, Type: "advance_time", Millis: pick(d, int64(61_000), 60_000, 59_999, 30_000, 29_999)})
	default:
		d.event(cases.Event{Round: round, Type: "advance_time", Millis: 61_000})
	}
}

func (d *drawer) membersApart() bool {
	members := slices.Clone(d.c.NodeOrder)
	for _, e := range d.c.Events {
		switch {
		case e.Joined != nil:
			members = append(members, e.Joined.ID)
		case e.Type == "node_left":
			members = slices.DeleteFunc(members, func(id string) bool { return id == e.Left })
		}
		if !apart(members, len(members)) {
			return false
		}
	}
	return true
}
