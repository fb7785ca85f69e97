package reports

import (
	"bytes"
	"fmt"
	"image/color"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// mostLines is how many nodes a plot shows as lines of their own.
const mostLines = 12

// palette is Okabe and Ito's, which people with colour-blindness can tell apart.
func palette(i int) color.Color {
	colors := [...]color.RGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
		{0x56, 0xb4, 0xe9, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x80, 0x80, 0x80, 0xff}, {0xb0, 0xa4, 0x20, 0xff},
	}
	return colors[i%len(colors)]
}

// Plots draws a run as SVG files: shards per node, evenness, recovery, load.
func Plots(res *scenarios.Result) ([]file, error) {
	h := res.History
	latency := latencyOf(h.NodeLoads())
	var files []file
	for _, p := range []struct {
		name, title, y string
		lines          []line
	}{
		{"shards.svg", "Shard copies per node", "copies", perNode(h)},
		{"balance.svg", "Evenness of shard copies", "coefficient of variation", evenness(h)},
		{"recovery.svg", "Copies that are not started", "copies", notStarted(h)},
		{"cpu.svg", "Processors in use per node", "%", loadLines(h, processors())},
		{"latency.svg", "Time of an operation on a shard (" + latency.Name + ")", "ms", loadLines(h, latency)},
	} {
		if len(p.lines) == 0 {
			continue
		}
		svg, err := draw(p.title, p.y, p.lines, h)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		files = append(files, file{p.name, svg})
	}
	return files, nil
}

// line is one stepped line of a plot.
type line struct {
	name   string
	points plotter.XYs
}

func perNode(h *observed.History) []line {
	frames := observed.FromStart(h.Spread(observed.QuantityShards))
	var lines []line
	for i, n := range h.Nodes {
		if i == mostLines {
			break
		}
		l := line{name: n}
		for _, f := range frames {
			l.points = append(l.points, plotter.XY{X: f.At.Seconds(), Y: f.Values[i]})
		}
		lines = append(lines, extended(l, h))
	}
	return lines
}

func evenness(h *observed.History) []line {
	l := line{name: "cv"}
	for _, f := range observed.FromStart(h.Spread(observed.QuantityShards)) {
		if v := f.MemberValues(); len(v) > 0 {
			l.points = append(l.points, plotter.XY{X: f.At.Seconds(), Y: score.BalanceOf(v).CV})
		}
	}
	if len(l.points) == 0 {
		return nil
	}
	return []line{extended(l, h)}
}

func notStarted(h *observed.History) []line {
	lines := []line{{name: "unassigned"}, {name: "initializing"}, {name: "relocating"}}
	for _, o := range h.Observations {
		health, ok := o.Sight.(observed.Health)
		if !ok {
			continue
		}
		x := max(o.At, 0).Seconds()
		if n := len(lines[0].points); n > 0 && lines[0].points[n-1].X == x {
			for i := range lines { // only the last of a moment can be seen
				lines[i].points = lines[i].points[:n-1]
			}
		}
		for i, v := range []int{health.Unassigned, health.Initializing, health.Relocating} {
			lines[i].points = append(lines[i].points, plotter.XY{X: x, Y: float64(v)})
		}
	}
	if len(lines[0].points) == 0 {
		return nil
	}
	for i := range lines {
		lines[i] = extended(lines[i], h)
	}
	return lines
}

// extended draws a line on to the end of the run.
func extended(l line, h *observed.History) line {
	if n := len(l.points); n > 0 {
		l.points = append(l.points, plotter.XY{X: h.Closed.Seconds(), Y: l.points[n-1].Y})
	}
	return l
}

func draw(title, y string, lines []line, h *observed.History) ([]byte, error) {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text = "seconds since t=0"
	p.Y.Label.Text = y
	p.Y.Min = 0
	p.Legend.Top = true
	highest := 0.0
	for _, l := range lines {
		for _, xy := range l.points {
			highest = max(highest, xy.Y)
		}
	}
	for _, f := range h.Faults {
		if err := band(p, f.At, f.HealedAt, h.Closed, max(highest, 1)); err != nil {
			return nil, err
		}
	}
	for i, l := range lines {
		drawn, err := plotter.NewLine(l.points)
		if err != nil {
			return nil, err
		}
		drawn.StepStyle = plotter.PostStep
		drawn.Color = palette(i)
		drawn.Width = vg.Points(1.5)
		p.Add(drawn)
		p.Legend.Add(l.name, drawn)
	}
	canvas, err := p.WriterTo(18*vg.Centimeter, 8*vg.Centimeter, "svg")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// band shades the time in which a fault was in force.
func band(p *plot.Plot, at, healed, closed time.Duration, high float64) error {
	if healed < 0 {
		healed = closed
	}
	x0, x1 := at.Seconds(), healed.Seconds()
	shade, err := plotter.NewPolygon(plotter.XYs{{X: x0, Y: 0}, {X: x1, Y: 0}, {X: x1, Y: high}, {X: x0, Y: high}})
	if err != nil {
		return err
	}
	shade.Color = color.NRGBA{0xd5, 0x5e, 0x00, 0x28}
	shade.LineStyle.Width = 0
	p.Add(shade)
	return nil
}
