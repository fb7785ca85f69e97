package importer

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// mostLoads is how many indices a draft has a load for: the busiest.
const mostLoads = 12

// Draft is a scenario for an imported cluster, ready to run: what it assumes stands in its
// head, faults that the cluster may meet stand commented out, and what is expected fits the
// state that it is in. file is the cluster's file, relative to the scenario.
func Draft(c *clusterfile.Cluster, name, file string) []byte {
	d := &draft{c: c, health: healthOf(c)}
	d.head(name)
	d.line("name: %s", scenarioName(name))
	d.line("about: %s", quoted(fmt.Sprintf("The cluster %s as it was imported: %d nodes, %d indices, %s.", c.Name, len(c.Nodes), len(c.Indices), d.health)))
	d.line("system: %s", c.System)
	d.line("seed: 1                        # also the order in which the master walks its indices, which no source tells")
	d.line("")
	d.line("cluster:")
	d.line("  from: %s", quoted(file))
	d.line("  # nodes: {network: 10gbit, disk-rate: %s/s}   # what their machines are like: the API does not tell it", units.FormatBytes(d.c.Calibration.RecoveryBytesPerSec.Or(500<<20)))
	d.line("  # settings: {cluster.routing.allocation.node_concurrent_recoveries: 4}   # instead of the cluster's, or beside")
	d.loads()
	d.faults()
	d.expect()
	return d.out.Bytes()
}

type draft struct {
	c      *clusterfile.Cluster
	health string
	out    bytes.Buffer
}

func (d *draft) line(format string, args ...any) { fmt.Fprintf(&d.out, format+"\n", args...) }

// head tells what is not certain, what matters most first.
func (d *draft) head(name string) {
	d.line("# %s: made by `shardquake import`. `shardquake check` previews it, `shardquake run` runs it.", oneLine(name))
	for _, u := range d.c.Unmodelled {
		d.line("# not simulated: %s", oneLine(u))
	}
	for _, a := range d.c.Assumptions {
		d.line("# assumed: %s: %s. It matters for %s.", oneLine(a.About), oneLine(a.Took), a.Matters)
	}
	d.line("")
}

// oneLine keeps text from outside within its comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// quoted is a string that YAML takes for nothing else.
func quoted(s string) string { return strconv.Quote(oneLine(s)) }

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// scenarioName makes a name as scenarios have them.
func scenarioName(s string) string {
	s = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s), "-"), "-")
	if s == "" {
		return "imported"
	}
	return s
}

// healthOf is the color of the cluster.
func healthOf(c *clusterfile.Cluster) string {
	health := "green"
	for _, ix := range c.Indices {
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				switch active := cp.State == clusterfile.Started || cp.State == clusterfile.Relocating; {
				case !active && cp.Primary:
					return "red"
				case !active:
					health = "yellow"
				}
			}
		}
	}
	return health
}

// indexLoad is the operations on an index in a second.
type indexLoad struct {
	name          string
	writes, reads float64
}

// loads are the busiest indices.
func (d *draft) loads() {
	var list []indexLoad
	surest := clusterfile.Measured
	for _, ix := range d.c.Indices {
		l := indexLoad{name: ix.Name}
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				if cp.Primary {
					l.writes += cp.Writes.V
				}
				l.reads += cp.Reads.V
				surest = max(surest, cp.Writes.Tag)
			}
		}
		if l.writes >= 0.05 || l.reads >= 0.05 {
			list = append(list, l)
		}
	}
	slices.SortStableFunc(list, func(a, b indexLoad) int {
		switch x, y := a.writes+a.reads, b.writes+b.reads; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	d.line("")
	hint, comment := "between two looks at the counters", ""
	if surest == clusterfile.Assumed {
		hint, comment = "averages since the nodes or the indices began: take the hash signs away if they are true of the hours that count", "# "
	}
	if len(list) == 0 {
		d.line("# no load was seen: workload: [{index: NAME, writes: 500/s, reads: 100/s}]")
		return
	}
	d.line("# %s; %d busiest of %d indices with load", hint, min(mostLoads, len(list)), len(list))
	d.line("%sworkload:", comment)
	for _, l := range list[:min(mostLoads, len(list))] {
		d.line("%s  - {index: %s, writes: %s, reads: %s, tracers: 0/s}", comment, quoted(l.name), rateText(l.writes), rateText(l.reads))
	}
}

func rateText(v float64) string {
	return strconv.FormatFloat(float64(int64(float64(v*10)+0.5))/10, 'f', -1, 64) + "/s"
}

// faults are what may happen to this cluster, commented out.
func (d *draft) faults() {
	d.line("")
	d.line("# faults:      # take the hash signs away here and before those that are to strike")
	fullest := d.fullest()
	d.line("#   - {at: 10s, node-loss: {node: %s}}                 # the node with most data", quoted(fullest))
	if m := d.c.Coordination.Master; m != "" {
		d.line("#   - {at: 10s, node-loss: {node: master, for: 2m}}    # now %s", oneLine(m))
	}
	for _, a := range []string{"zone", "availability_zone", "logical_availability_zone", "rack", "rack_id"} {
		if v := d.valueOf(a); v != "" {
			d.line("#   - {at: 10s, node-loss: {nodes: [%s]}}   # a whole %s", quoted(a+"="+v), a)
			break
		}
	}
	d.line("#   - {at: 10s, partition: {between: [%s], and: [rest], mode: blackhole, for: 90s}}", quoted(fullest))
	d.line("#   - {at: 10s, disk-pressure: {node: %s, to: 92%%, for: 5m}}", quoted(fullest))
	d.line("#   - {at: 10s, settings: {set: {cluster.routing.allocation.exclude._name: %s}}}   # drain it", quoted(fullest))
}

// fullest is the node that holds most.
func (d *draft) fullest() string {
	best, bytes := d.c.Nodes[0].Name, int64(-1)
	for _, n := range d.c.Nodes {
		if n.Disk.ByCopies.V > bytes && n.Name != d.c.Coordination.Master {
			best, bytes = n.Name, n.Disk.ByCopies.V
		}
	}
	return best
}

// valueOf is a value of an attribute that some nodes have and others don't.
func (d *draft) valueOf(attribute string) string {
	var values []string
	for _, n := range d.c.Nodes {
		if v, ok := n.Attributes[attribute]; ok && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	if len(values) < 2 {
		return ""
	}
	return slices.Max(values)
}

// expect is what holds of the cluster as it is, and what fits the faults.
func (d *draft) expect() {
	d.line("")
	d.line("expect:")
	switch d.health {
	case "green":
		d.line("  - {steady-state: green, at: end}")
		d.line("  - {no-red-longer-than: 30s}")
	case "yellow":
		d.line("  - {no-red-longer-than: 30s}           # it is yellow; whether it can become green is worth a line: {steady-state: green, at: end}")
	default:
		d.line("  # the cluster is red: what is lost is not expected back")
	}
	d.line("  - {balance: shards, max-over-mean: %q, at: end}   # now %.2f", fmt.Sprintf("< %.2f", float64(d.lopsided()*1.15)+0.1), d.lopsided())
	d.line("  # - {recovered: yellow, within: 30s, of: node-loss}")
	d.line("  # - {recovered: green, within: %s, of: node-loss}", units.FormatDuration(d.patience()))
	d.line("  # - {detected: node-loss, within: 30s}")
	d.line("")
	d.line("duration: %s", units.FormatDuration(d.patience()))
	d.line("settle: 1m")
}

// lopsided is how many copies the fullest node holds over the average.
func (d *draft) lopsided() float64 {
	held, all, data := map[string]int{}, 0, 0
	for _, ix := range d.c.Indices {
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				if cp.Node != "" {
					held[cp.Node]++
					all++
				}
			}
		}
	}
	most := 0
	for _, n := range d.c.Nodes {
		if slices.ContainsFunc(n.Roles, func(r string) bool { return strings.HasPrefix(r, "data") }) {
			data++
			most = max(most, held[n.Name])
		}
	}
	if all == 0 || data == 0 {
		return 1
	}
	return float64(most) * float64(data) / float64(all)
}

// patience is how long the copies of the fullest node take to be made anew: at the default
// 40 MB a second of each node, all of them receiving, three times over, to the minute.
func (d *draft) patience() time.Duration {
	most := int64(0)
	for _, n := range d.c.Nodes {
		most = max(most, n.Disk.ByCopies.V)
	}
	others := int64(max(1, len(d.c.Nodes)-1))
	wait := time.Duration(3*most/(40<<20)/others) * time.Second
	return (5*time.Minute + wait).Round(time.Minute)
}
