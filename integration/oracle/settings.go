package oracle

import (
	"strconv"
	"strings"
)

const cluster = "cluster.routing.allocation."

// drawSettings draws the cluster's settings.
func (d *drawer) drawSettings() {
	set := d.c.Settings
	if d.factors {
		d.factorSettings(set)
	}
	if d.disks {
		d.diskSettings(set)
	}
	if d.filters {
		d.filterSettings(set)
	}
	if d.limits {
		d.limitSettings(set)
	}
	if (d.uneven || d.factors || d.limits || d.Bold) && d.chance(0.4) {
		set[cluster+"cluster_concurrent_rebalance"] = pick(d, "-1", "1", "2", "3", "4", "6", "8", "10", "20")
	}
	often := 0.15
	if d.limits || d.Size >= Large {
		often = 0.6
	}
	least := 1
	if d.Bold {
		least = 0
	}
	if d.chance(often) {
		set[cluster+"node_concurrent_recoveries"] = strconv.Itoa(d.between(least, 10))
	}
	if d.chance(often) {
		set[cluster+"node_initial_primaries_recoveries"] = strconv.Itoa(d.between(least, 20))
	}
}

func (d *drawer) factorSettings(set map[string]string) {
	maybe := func(name string, p float64, usual, bold []string) {
		if d.Bold {
			usual = append(usual, bold...)
		}
		if d.chance(p) {
			set[cluster+"balance."+name] = pick(d, usual...)
		}
	}
	maybe("shard", 0.6, []string{"0.0", "0.1", "0.45", "1.0", "2.5"}, []string{"5", "0.333", "1e-3", "100"})
	maybe("index", 0.5, []string{"0.2", "0.55", "1.0", "3.0"}, []string{"7", "0.01", "1e5"})
	maybe("write_load", 0.5, []string{"0.0", "1.0", "10.0"}, []string{"0.1", "1000", "33.3"})
	maybe("disk_usage", 0.5, []string{"0.0", "1.0E-10", "1.0E-9", "2.0E-11"}, []string{"1e-8", "1e-6", "3.3e-11"})
	maybe("threshold", 0.4, []string{"1.0", "1.1", "1.5", "2.0", "3.0", "10.0"}, []string{"0.5", "0", "0.999", "1.0000001"})
}

func (d *drawer) diskSettings(set map[string]string) {
	watermarks := func(suffix string, low, high, flood string) {
		set[cluster+"disk.watermark.low"+suffix] = low
		set[cluster+"disk.watermark.high"+suffix] = high
		set[cluster+"disk.watermark.flood_stage"+suffix] = flood
	}
	switch d.IntN(6) {
	case 0:
		watermarks("", "120gb", "60gb", "20gb")
	case 1:
		watermarks("", "80%", "85%", "90%")
	case 2:
		watermarks("", "0.75", "0.85", "0.95")
	case 3:
		watermarks("", "85%", "90%", "95%")
		watermarks(".max_headroom", "80gb", "50gb", "20gb")
	case 4:
		if d.Bold {
			low := d.between(20, 90)
			watermarks("", strconv.Itoa(low)+"%", strconv.Itoa(low+3)+"%", strconv.Itoa(low+5)+"%")
		} else if d.chance(0.3) {
			set[cluster+"disk.threshold_enabled"] = "false"
		}
	}
}

func (d *drawer) filterSettings(set map[string]string) {
	if d.chance(0.5) {
		set[cluster+"awareness.attributes"] = "zone"
		if d.Bold {
			set[cluster+"awareness.attributes"] = pick(d, "zone", "rack", "zone,rack", "zone, box")
		}
		if d.chance(0.4) {
			set[cluster+"awareness.force.zone.values"] = pick(d, "z0,z1", "z0,z1,z2", "z0,z1,z2,z3")
		}
	}
	if d.chance(0.35) {
		d.filter(set, cluster)
	}
	if d.chance(0.2) {
		set[cluster+"same_shard.host"] = "true"
	}
	if d.chance(0.2) {
		each := max(1, d.copies/len(d.nodes))
		set[cluster+"total_shards_per_node"] = strconv.Itoa(each + pick(d, 0, 1, 2, 5))
	}
}

// filter draws one include, exclude or require setting.
func (d *drawer) filter(set map[string]string, prefix string) {
	node := pick(d, d.nodes...)
	choices := [][2]string{
		{"exclude._ip", node.Host},
		{"exclude._name", node.Name},
		{"exclude.rack", pick(d, "r1", "r0,r2")},
		{"include.zone", pick(d, "z0,z1", "z0,z2")},
		{"include._id", node.ID + "," + pick(d, d.nodes...).ID},
		{"exclude._id", node.ID + "," + pick(d, d.nodes...).ID},
		{"require.box", "hot"},
		{"exclude._name", "data-*" + strconv.Itoa(d.IntN(10))},
	}
	if d.Bold {
		choices = append(choices, [2]string{"include._name", "data-1*,data-2"}, [2]string{"exclude._host", node.Host}, [2]string{"require.rack", "r*"},
			[2]string{"include._ip", strings.TrimRight(node.Host, "0123456789") + "*"})
	}
	c := pick(d, choices...)
	set[prefix+c[0]] = c[1]
}

func (d *drawer) limitSettings(set map[string]string) {
	if d.chance(0.3) {
		set[cluster+"enable"] = pick(d, "all", "new_primaries", "primaries")
	}
	if d.chance(0.3) {
		set["cluster.routing.rebalance.enable"] = pick(d, "all", "primaries", "replicas")
	}
	if d.chance(0.3) {
		set[cluster+"allow_rebalance"] = pick(d, "always", "indices_primaries_active", "indices_all_active")
	}
	for _, way := range []string{"incoming", "outgoing"} {
		if d.chance(0.25) {
			set[cluster+"node_concurrent_"+way+"_recoveries"] = strconv.Itoa(d.between(1, 4))
		}
	}
}

// indexSettings draws the settings of an index.
func (d *drawer) indexSettings(set map[string]string) {
	const index = "index.routing.allocation."
	if d.fresh && d.chance(0.3) {
		set["index.priority"] = strconv.Itoa(d.between(0, 10))
	}
	if d.leaving && d.chance(0.45) {
		set["index.unassigned.node_left.delayed_timeout"] = pick(d, "0", "0", "30s")
	}
	if d.filters && d.chance(0.3) {
		d.filter(set, index)
	}
	if (d.filters || d.Bold) && d.chance(0.15) {
		set[index+"total_shards_per_node"] = strconv.Itoa(d.between(1, 4))
	}
	if d.limits && d.chance(0.2) {
		set[index+"enable"] = pick(d, "all", "new_primaries", "none", "primaries")
	}
	if d.limits && d.chance(0.2) {
		set["index.routing.rebalance.enable"] = pick(d, "all", "none", "primaries", "replicas")
	}
	if d.limits && d.chance(0.2) {
		set["index.allocation.max_retries"] = strconv.Itoa(d.between(1, 7))
	}
}
