package queries

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// percentiles are what so many percent of a field's values are not above. Elasticsearch keeps a
// sketch of them, which for few values is all of them; here all are kept.
type percentiles struct {
	name     string
	percents []float64
	list     bool // "keyed": false
}

func parsePercentiles(m *rest.Member, name string) aggregator {
	p := &percentiles{percents: []float64{1, 5, 25, 50, 75, 95, 99}}
	for i := range m.Value.Members {
		switch f := &m.Value.Members[i]; f.Name {
		case "field", "tdigest", "format":
		case "keyed":
			p.list = f.Value.Text == "false"
		case "percents":
			p.percents = nil
			for k := range f.Value.Elements {
				v, err := strconv.ParseFloat(f.Value.Elements[k].Text, 64)
				if err != nil || v < 0 || v > 100 {
					badPercents("percent must be in [0,100], got [%s]: [%s]", settings.JavaDouble(v), name)
				}
				p.percents = append(p.percents, v)
			}
			if len(p.percents) == 0 {
				badPercents("[percents] must not be an empty array: [%s]", name)
			}
			slices.Sort(p.percents)
		default:
			rest.Raise(rest.NotModelled("[" + f.Name + "] of the aggregation [percentiles]"))
		}
	}
	p.name = fieldOf(m)
	return p
}

// badPercents refuses percents as the parser of the aggregation does.
func badPercents(format string, args ...any) {
	e := &elastic.Error{Status: 400, Type: "x_content_parse_exception", Reason: "Failed to build [percentiles] after last required field arrived"}
	e.CausedBy = rest.IllegalArgument(format, args...)
	rest.Raise(e)
}

func (p *percentiles) field() (string, bool) { return p.name, false }
func (p *percentiles) typed(_ []*Doc) string { return "tdigest_percentiles" }

func (p *percentiles) write(w *rest.Writer, docs []*Doc, _ *Aggregation, _ bool) {
	var sorted []float64
	for _, d := range docs {
		for _, k := range keysOf(d, p.name) {
			sorted = append(sorted, k.n)
		}
	}
	slices.Sort(sorted)
	date := isDate(kindOf(docs, p.name))
	value := func(name string, percent float64) {
		if len(sorted) == 0 {
			w.Null(name)
			return
		}
		v := quantile(sorted, percent/100)
		w.Float(name, v)
		if date {
			w.Str(name+"_as_string", rest.IsoMillis(time.UnixMilli(int64(v)).UTC()))
		}
	}
	if p.list {
		w.Array("values")
		for _, percent := range p.percents {
			w.Obj()
			w.Float("key", percent)
			value("value", percent)
			w.End()
		}
		w.End()
		return
	}
	w.Object("values")
	for _, percent := range p.percents {
		value(settings.JavaDouble(percent), percent)
	}
	w.End()
}

// quantile lies between the two values nearest to it, each of which stands for the middle of its
// part of all of them (TDigest).
func quantile(sorted []float64, q float64) float64 {
	at := min(max(float64(q*float64(len(sorted)))-0.5, 0), float64(len(sorted)-1))
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + float64((at-float64(low))*float64(sorted[high]-sorted[low]))
}
