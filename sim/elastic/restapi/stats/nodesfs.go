package stats

import (
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func writeFSStats(w *rest.Writer, _ *rest.Call, s *NodeStats) {
	n := &s.Node
	space := func() {
		w.Size("total_in_bytes", "total", n.DiskTotal)
		w.Size("free_in_bytes", "free", n.DiskFree)
		w.Size("available_in_bytes", "available", n.DiskAvailable)
	}
	w.Object("fs")
	w.Int64("timestamp", n.AtMillis)
	w.Object("total")
	space()
	w.End()
	w.Array("data")
	w.Obj()
	w.Str("path", rest.DataPath)
	w.Str("mount", rest.DataPath+" (simulated)")
	w.Str("type", "simulated")
	space()
	writeWatermarks(w, s)
	w.End()
	w.End()
	w.Object("io_stats")
	w.Array("devices")
	w.Obj()
	w.Str("device_name", "simulated")
	writeIO(w, n)
	w.End()
	w.End()
	w.Object("total")
	writeIO(w, n)
	w.End()
	w.End()
	w.End()
}

func writeIO(w *rest.Writer, n *elastic.NodeStats) {
	io := &n.IO
	w.Int64("operations", io.Reads+io.Writes)
	w.Int64("read_operations", io.Reads)
	w.Int64("write_operations", io.Writes)
	w.Int64("read_kilobytes", io.ReadBytes>>10)
	w.Int64("write_kilobytes", io.WriteBytes>>10)
	w.Int64("io_time_in_millis", io.Busy.Milliseconds())
}

// writeWatermarks writes the free space below which each watermark is crossed.
func writeWatermarks(w *rest.Writer, s *NodeStats) {
	explicit := false
	for _, name := range []string{"low", "high", "flood_stage"} {
		_, ok := s.Set.Get(rest.WatermarkPrefix + name)
		explicit = explicit || ok
	}
	for _, m := range []struct {
		name     string
		headroom int64
	}{{"low", 200 * settings.GB}, {"high", 150 * settings.GB}, {"flood_stage", 100 * settings.GB}} {
		key := rest.WatermarkPrefix + m.name
		v, ok := s.Set.Get(key)
		if !ok {
			v = settings.ClusterRegistry().Lookup(key).Default
		}
		mark, err := settings.ParseRelative(key, v)
		if err != nil {
			continue // refused when it was set
		}
		free := mark.Bytes
		if mark.Ratio {
			free = s.Node.DiskTotal - int64(float64(float64(s.Node.DiskTotal)*mark.Percent)/100)
			if !explicit {
				free = min(free, m.headroom)
			}
		}
		name := m.name + "_watermark_free_space"
		if m.name == "flood_stage" {
			name = "flood_stage_free_space"
		}
		w.Size(name+"_in_bytes", name, free)
	}
}
