package losses

import (
	"fmt"
	"html/template"
	"math"
	"time"

	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// growthChart draws how full the fullest disk gets on the days that were simulated, healthy and
// after each kind of loss.
func growthChart(g *planning.Growth) template.HTML {
	chart := page.Chart{
		Title: "the fullest disk by day, after each kind of loss",
		X: func(v float64) string {
			if start, err := time.Parse(time.DateOnly, g.From); err == nil {
				return start.AddDate(0, 0, int(v+0.5)).Format(time.DateOnly)
			}
			return fmt.Sprintf("day %.0f", v)
		},
	}
	at := map[string]int{}
	for _, d := range g.Days {
		for _, f := range d.Disk {
			if f.Value == nil {
				continue
			}
			i, known := at[f.Kind]
			if !known {
				i = len(chart.Series)
				at[f.Kind] = i
				name := "after the loss of a " + f.Kind
				switch f.Kind {
				case planning.Nothing:
					name = "nothing is lost"
				case planning.Master, planning.Restart, planning.Upgrade, planning.Drain:
					name = "after " + f.Kind
				}
				chart.Series = append(chart.Series, page.Series{Name: name})
			}
			chart.Series[i].Points = append(chart.Series[i].Points, page.Point{X: float64(d.Day), Y: *f.Value})
		}
	}
	chart.Y = percents(chart.Series)
	for i := range g.Breaks {
		if b := &g.Breaks[i]; b.Day != nil {
			chart.Marks = append(chart.Marks, page.Level{At: float64(*b.Day), Text: fmt.Sprintf("%s: %s, after %s", b.When(), b.Objective, b.After)})
		}
	}
	return chart.Draw()
}

// percents writes the values of an axis with as many digits as tell them apart.
func percents(series []page.Series) func(float64) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, p := range s.Points {
			low, high = min(low, p.Y), max(high, p.Y)
		}
	}
	digits := 2
	switch {
	case high-low >= 8:
		digits = 0
	case high-low >= 0.8:
		digits = 1
	}
	return func(v float64) string { return fmt.Sprintf("%.*f %%", digits, v) }
}

// fleetChart draws the fleets that meet the objectives by price and time to green, those of the
// frontier in a line.
func fleetChart(t *planning.Sized) template.HTML {
	chart := page.Chart{
		Title: "fleets by price and time to green",
		X:     func(v float64) string { return fmt.Sprintf("%.4g", v) }, Y: func(v float64) string { return fmt.Sprintf("%.3g h", v) },
	}
	line := page.Series{Name: "frontier: price → hours to green after the worst loss"}
	for _, f := range t.Frontier {
		line.Points = append(line.Points, page.Point{X: *f.Price, Y: *f.Green / 3600})
	}
	if len(line.Points) > 0 {
		chart.Series = append(chart.Series, line)
	}
	at := map[string]int{}
	for _, f := range t.Tried {
		if f.Price == nil || f.Green == nil || f.Verdict != "pass" {
			continue
		}
		i, known := at[f.Machine]
		if !known {
			i = len(chart.Series)
			at[f.Machine] = i
			chart.Series = append(chart.Series, page.Series{Name: f.Machine, Dots: true})
		}
		chart.Series[i].Points = append(chart.Series[i].Points, page.Point{X: *f.Price, Y: *f.Green / 3600, Name: fmt.Sprint(f.Nodes)})
	}
	return chart.Draw()
}
