package planning

import (
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// The work that people do on a cluster node by node, as Elasticsearch's documentation has it.
const (
	// DefaultDowntime is how long a node is away while it is restarted.
	DefaultDowntime = units.Duration(2 * time.Minute)
	// leasesTold is how long work on a cluster that was made for the plan waits before its first
	// node stops: nodes tell each other every 30 s what they keep for copies that come back, and
	// those that nobody was told of are copied as a whole.
	leasesTold = 40 * time.Second
	// beforeStop is between the word that replicas stay where they are and the stop of a node.
	beforeStop = 5 * time.Second
	// afterStart is between the start of a node and the word that copies may be allocated again.
	afterStart = 30 * time.Second
	// patienceOfWork is how long a node's turn may take, beside its downtime, where nobody says.
	patienceOfWork = 30 * time.Minute

	enableKey = "cluster.routing.allocation.enable"
)

// worksOf are a rolling restart and upgrade of all nodes, and the drain of each that holds data.
func worksOf(s *scenarios.Scenario, there []scenarios.NodeSpec, want wanted) (out []Loss) {
	var order []string
	for _, masters := range []bool{false, true} { // those that may be master come last
		for _, n := range there {
			if masters == (len(n.Roles) == 0 || slices.Contains(n.Roles, "master")) {
				order = append(order, n.Name)
			}
		}
	}
	if len(there) > 1 {
		for _, kind := range []string{Restart, Upgrade} {
			if want.has(kind) && (kind == Restart || s.System == chaos.Elasticsearch) {
				out = append(out, Loss{Kind: kind, Nodes: order})
			}
		}
	}
	if !want.has(Drain) || len(there) < 2 {
		return out
	}
	for _, n := range there {
		if holdsData(n) {
			out = append(out, Loss{Kind: Drain, Name: n.Name, Nodes: []string{n.Name}})
		}
	}
	return out
}

// holdsData is whether copies may lie on a node.
func holdsData(n scenarios.NodeSpec) bool {
	return len(n.Roles) == 0 || slices.ContainsFunc(n.Roles, func(r string) bool { return r == "data" || strings.HasPrefix(r, "data_") })
}

// procedure stops and starts the nodes one after another: replicas stay where they are, the
// node stops for its downtime, allocation goes on some time after it has been started, and
// the next node's turn comes when the cluster is green.
func (l Loss) procedure(s *scenarios.Scenario, downtime units.Duration) []chaos.Entry {
	var out []chaos.Entry
	held := units.Duration(beforeStop + downtime.D() + afterStart)
	for i, n := range l.Nodes {
		stop := chaos.Entry{Fault: &chaos.NodeLoss{Nodes: []chaos.Selector{chaos.Selector(n)}, How: "stop", For: downtime, Newer: l.Kind == Upgrade}}
		first := chaos.Entry{At: units.Duration(strikesAt + leasesTold)}
		if s.System != chaos.Elasticsearch {
			if i > 0 {
				stop.Trigger = &chaos.Trigger{After: &chaos.After{Healed: "node-loss", By: units.Duration(afterStart)}, When: "green"}
			} else {
				stop.At = first.At
			}
			out = append(out, stop)
			continue
		}
		if i > 0 {
			first.Trigger = &chaos.Trigger{After: &chaos.After{Healed: "settings"}, When: "green"}
		}
		first.Fault = &chaos.SettingsChange{Set: map[string]string{enableKey: "primaries"}, For: held}
		stop.Trigger = &chaos.Trigger{After: &chaos.After{Struck: "settings", By: units.Duration(beforeStop)}}
		out = append(out, first, stop)
	}
	return out
}

// watch is for how long a loss is watched, when its limit is known or 0, and how soon it is
// given up where nothing goes on.
func (l Loss) watch(longest time.Duration, downtime units.Duration) (duration, stuck time.Duration) {
	switch {
	case l.Kind == Change:
		return longestChange, 0
	case !l.rolling():
		return strikesAt + longest, 0
	}
	turn := downtime.D() + beforeStop + afterStart + max(longest, patienceOfWork)
	return strikesAt + leasesTold + time.Duration(len(l.Nodes))*turn, turn
}
