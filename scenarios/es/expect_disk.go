package es

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// DiskBelow expects that no data disk gets fuller than a watermark, or than a percentage,
// from t=0 to the end.
type DiskBelow struct {
	Limit string `yaml:"disk-below" jsonschema:"required,description=low or high or flood-stage (the cluster's watermarks) or a percentage such as 85%"`

	watermarks Watermarks
}

// Watermarks are those of a cluster, from the lowest on.
type Watermarks []NamedWatermark

// NamedWatermark is one of them.
type NamedWatermark struct {
	Name string
	settings.Watermark
}

// WatermarksOf are the watermarks that the cluster of a scenario begins with.
func WatermarksOf(s *scenarios.Scenario) Watermarks {
	all := settings.Of(EffectiveSettings(s))
	return Watermarks{{"low", settings.LowWatermark(all)}, {"high", settings.HighWatermark(all)}, {"flood-stage", settings.FloodWatermark(all)}}
}

// Percent is how full a disk of a size may be.
func (w *NamedWatermark) Percent(total int64) float64 {
	return 100 - float64(float64(w.MustBeFree(total))*100)/float64(total)
}

// Crossed is the highest watermark that a disk is beyond; "" none.
func (ws Watermarks) Crossed(d observed.Disk) string {
	name := ""
	for i := range ws {
		if d.Total > 0 && d.Total-d.Used < ws[i].MustBeFree(d.Total) {
			name = ws[i].Name
		}
	}
	return name
}

func (ws Watermarks) names() []string {
	var out []string
	for _, w := range ws {
		out = append(out, w.Name)
	}
	return out
}

// Kind implements [scenarios.Expectation].
func (*DiskBelow) Kind() string { return "disk-below" }

// Complete implements [scenarios.Completer].
func (e *DiskBelow) Complete(s *scenarios.Scenario) { e.watermarks = WatermarksOf(s) }

// Check implements [scenarios.Expectation].
func (e *DiskBelow) Check(s *scenarios.Scenario) []source.Problem {
	names := WatermarksOf(s).names()
	named := slices.Contains(names, e.Limit)
	switch {
	case named && s.System != chaos.Elasticsearch:
		return []source.Problem{source.Problemf("disk-below", "system %s has no watermarks; expected a percentage such as 85%%", s.System)}
	case named:
		return nil
	}
	p, err := units.ParsePercent(e.Limit)
	switch {
	case err != nil && strings.HasSuffix(e.Limit, "%"):
		return []source.Problem{source.Problemf("disk-below", "%v", err)}
	case err != nil:
		return []source.Problem{source.Problemf("disk-below", "%s, or a percentage such as 85%%", source.Unknown("watermark", e.Limit, names))}
	case p <= 0:
		return []source.Problem{source.Problemf("disk-below", "no disk can be that empty; expected more than 0%%")}
	}
	return nil
}

// limit is how full a disk of a size may be, in percent.
func (e *DiskBelow) limit(total int64) float64 {
	for i := range e.watermarks {
		if w := &e.watermarks[i]; w.Name == e.Limit {
			return w.Percent(total)
		}
	}
	p, err := units.ParsePercent(e.Limit)
	if err != nil {
		return 0 // Check has refused it
	}
	return float64(p)
}

// Judge implements [scenarios.Expectation]: by the disk that came nearest to its limit.
func (e *DiskBelow) Judge(h *observed.History) []scenarios.Outcome {
	name := "disks below " + e.Limit
	out := scenarios.Undecided(name, "no disk was observed")
	least := math.Inf(1)
	before := map[string]observed.Observation{} // the last sight of each disk before t=0
	look := func(o observed.Observation, d observed.Disk) {
		used, limit := float64(float64(d.Used)*100)/float64(d.Total), e.limit(d.Total)
		if limit-used >= least {
			return
		}
		least = limit - used
		out = scenarios.Outcome{
			Name: name, Verdict: scenarios.Pass, Unit: "%", Observed: rounded(used), Limit: rounded(limit), Margin: rounded(limit - used),
			At: scenarios.Seconds(max(o.At, 0)), Reason: fmt.Sprintf("the disk of %s was %.1f %% full", d.Node, used),
		}
		if used > limit {
			out.Verdict = scenarios.Fail
		}
	}
	for _, o := range h.Observations {
		disks, is := o.Sight.(observed.Disks)
		if !is {
			continue
		}
		for _, d := range disks {
			switch {
			case d.Total <= 0:
			case o.At < 0:
				before[d.Node] = observed.Observation{At: 0, Sight: observed.Disks{d}}
			default:
				look(o, d)
			}
		}
	}
	for _, n := range h.Nodes {
		if o, known := before[n]; known {
			look(o, o.Sight.(observed.Disks)[0])
		}
	}
	return []scenarios.Outcome{out}
}

func rounded(v float64) *float64 { return scenarios.Number(math.Round(float64(v*1000)) / 1000) }
