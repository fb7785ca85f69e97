package fidelity

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// widest bounds the plot: what is further off stands at the edge.
const widest = 2.5

var (
	simColor  = color.NRGBA{0x00, 0x72, 0xb2, 0xb0}
	realColor = color.NRGBA{0xd5, 0x5e, 0x00, 0xb0}
	bandColor = color.NRGBA{0x00, 0x9e, 0x73, 0x38}
)

// SVG draws both distributions of every quantity, each in parts of its real median,
// with the target as a band.
func (t *Table) SVG() ([]byte, error) {
	var rows []Row
	for _, r := range t.Rows {
		if r.Real.Median > 0 && !r.Sim.never() {
			rows = append(rows, r)
		}
	}
	p := plot.New()
	p.Title.Text = t.Scenario + ": simulated against real"
	p.X.Label.Text = "in parts of the real median; the band is the target"
	p.X.Min, p.X.Max = 0, widest
	p.Y.Min, p.Y.Max = -0.6, float64(len(rows))+1.2 // room for the legend
	var ticks []plot.Tick
	var sim, real plotter.XYs
	for i, r := range rows {
		y := float64(len(rows) - 1 - i)
		ticks = append(ticks, plot.Tick{Value: y, Label: r.Phase + ": " + r.Quantity + fmt.Sprintf(" (%s)", value(r.Unit, r.Real.Median))})
		if err := band(p, y, r.Limit/r.Real.Median); err != nil {
			return nil, err
		}
		for _, v := range r.Sim.Values {
			sim = append(sim, plotter.XY{X: min(v/r.Real.Median, widest), Y: y - 0.16})
		}
		for _, v := range r.Real.Values {
			real = append(real, plotter.XY{X: min(v/r.Real.Median, widest), Y: y + 0.16})
		}
	}
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.Legend.Top = true
	for _, s := range []struct {
		name  string
		at    plotter.XYs
		color color.Color
		shape draw.GlyphDrawer
	}{{"real", real, realColor, draw.CircleGlyph{}}, {"simulated", sim, simColor, draw.TriangleGlyph{}}} {
		if len(s.at) == 0 {
			continue
		}
		points, err := plotter.NewScatter(s.at)
		if err != nil {
			return nil, err
		}
		points.Color, points.Shape, points.Radius = s.color, s.shape, vg.Points(2.5)
		p.Add(points)
		p.Legend.Add(s.name, points)
	}
	height := vg.Length(len(rows)+4) * 0.6 * vg.Centimeter
	canvas, err := p.WriterTo(24*vg.Centimeter, max(height, 6*vg.Centimeter), "svg")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// band shades the target around a row's median.
func band(p *plot.Plot, y, half float64) error {
	half = max(half, 0.005)
	x0, x1 := max(1-half, 0), min(1+half, widest)
	shade, err := plotter.NewPolygon(plotter.XYs{{X: x0, Y: y - 0.36}, {X: x1, Y: y - 0.36}, {X: x1, Y: y + 0.36}, {X: x0, Y: y + 0.36}})
	if err != nil {
		return err
	}
	shade.Color = bandColor
	shade.LineStyle.Width = 0
	p.Add(shade)
	return nil
}
