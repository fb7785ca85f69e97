package restapi

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func writeFSStats(w *jsonWriter, _ *call, s *nodeStats) {
	n := &s.node
	space := func() {
		w.size("total_in_bytes", "total", n.DiskTotal)
		w.size("free_in_bytes", "free", n.DiskFree)
		w.size("available_in_bytes", "available", n.DiskAvailable)
	}
	w.object("fs")
	w.int64("timestamp", n.AtMillis)
	w.object("total")
	space()
	w.end()
	w.array("data")
	w.obj()
	w.str("path", dataPath)
	w.str("mount", dataPath+" (simulated)")
	w.str("type", "simulated")
	space()
	writeWatermarks(w, s)
	w.end()
	w.end()
	w.object("io_stats")
	w.array("devices")
	w.obj()
	w.str("device_name", "simulated")
	writeIO(w, n)
	w.end()
	w.end()
	w.object("total")
	writeIO(w, n)
	w.end()
	w.end()
	w.end()
}

func writeIO(w *jsonWriter, n *elastic.NodeStats) {
	io := &n.IO
	w.int64("operations", io.Reads+io.Writes)
	w.int64("read_operations", io.Reads)
	w.int64("write_operations", io.Writes)
	w.int64("read_kilobytes", io.ReadBytes>>10)
	w.int64("write_kilobytes", io.WriteBytes>>10)
	w.int64("io_time_in_millis", io.Busy.Milliseconds())
}

// writeWatermarks writes the free space below which each watermark is crossed.
func writeWatermarks(w *jsonWriter, s *nodeStats) {
	explicit := false
	for _, name := range []string{"low", "high", "flood_stage"} {
		_, ok := s.set.Get(watermarkPrefix + name)
		explicit = explicit || ok
	}
	for _, m := range []struct {
		name     string
		headroom int64
	}{{"low", 200 * settings.GB}, {"high", 150 * settings.GB}, {"flood_stage", 100 * settings.GB}} {
		key := watermarkPrefix + m.name
		v, ok := s.set.Get(key)
		if !ok {
			v = settings.ClusterRegistry().Lookup(key).Default
		}
		mark, err := settings.ParseRelative(key, v)
		if err != nil {
			continue // refused when it was set
		}
		free := mark.Bytes
		if mark.Ratio {
			free = s.node.DiskTotal - int64(float64(float64(s.node.DiskTotal)*mark.Percent)/100)
			if !explicit {
				free = min(free, m.headroom)
			}
		}
		name := m.name + "_watermark_free_space"
		if m.name == "flood_stage" {
			name = "flood_stage_free_space"
		}
		w.size(name+"_in_bytes", name, free)
	}
}
