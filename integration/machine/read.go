package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// reading is what the kernel has counted by a moment.
type reading struct {
	cpu, io, memory pressure
	// busy and stolen are of all processors together, in ticks.
	ticks, stolen float64
	load          float64
	available     float64 // part of the memory
	killed        float64 // processes for want of memory
	ios, ioTime   float64 // operations of the disks, and their milliseconds in all
	known         map[string]bool
}

// pressure is for how long some tasks, or all, waited for a resource, in seconds.
type pressure struct{ some, full float64 }

// read reads the files below a proc file system.
func read(proc string) reading {
	r := reading{known: make(map[string]bool)}
	text := func(name string) []string {
		data, err := os.ReadFile(filepath.Join(proc, name))
		if err != nil {
			return nil
		}
		r.known[name] = true
		return strings.Split(string(data), "\n")
	}
	for name, p := range map[string]*pressure{"pressure/cpu": &r.cpu, "pressure/io": &r.io, "pressure/memory": &r.memory} {
		for _, line := range text(name) {
			f := strings.Fields(line)
			if len(f) < 5 {
				continue
			}
			total, _ := strings.CutPrefix(f[4], "total=")
			switch seconds := number(total) / float64(time.Second/time.Microsecond); f[0] {
			case "some":
				p.some = seconds
			case "full":
				p.full = seconds
			}
		}
	}
	if lines := text("stat"); len(lines) > 0 {
		f := strings.Fields(lines[0])
		for i := 1; i < len(f) && i <= 8; i++ { // user to steal; guests are in user
			r.ticks += number(f[i])
		}
		if len(f) > 8 {
			r.stolen = number(f[8])
		}
	}
	if lines := text("loadavg"); len(lines) > 0 {
		if f := strings.Fields(lines[0]); len(f) > 0 {
			r.load = number(f[0])
		}
	}
	r.readMemory(text("meminfo"), text("vmstat"))
	for _, line := range text("diskstats") {
		f := strings.Fields(line)
		if len(f) < 11 || strings.HasPrefix(f[2], "loop") || strings.HasPrefix(f[2], "ram") {
			continue
		}
		r.ios += number(f[3]) + number(f[7])
		r.ioTime += number(f[6]) + number(f[10])
	}
	return r
}

func (r *reading) readMemory(meminfo, vmstat []string) {
	values := make(map[string]float64)
	for _, line := range append(meminfo, vmstat...) {
		if f := strings.Fields(line); len(f) >= 2 {
			values[strings.TrimSuffix(f[0], ":")] = number(f[1])
		}
	}
	if total := values["MemTotal"]; total > 0 {
		r.available = values["MemAvailable"] / total
	}
	r.killed = values["oom_kill"]
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return v
}
