package queries

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// metric is a figure of a field's values.
type metric struct{ what, name string }

func parseMetric(m *rest.Member) aggregator {
	for i := range m.Value.Members {
		switch f := &m.Value.Members[i]; f.Name {
		case "field", "precision_threshold", "format":
		default:
			rest.Raise(rest.NotModelled("[" + f.Name + "] of the aggregation [" + m.Name + "]"))
		}
	}
	return &metric{m.Name, fieldOf(m)}
}

func (m *metric) field() (string, bool) {
	return m.name, m.what == "value_count" || m.what == "cardinality"
}

func (m *metric) typed(_ []*Doc) string { return m.what }

// figures are what the metrics are made of.
type figures struct {
	n             int
	sum, min, max float64
	distinct      map[key]bool
}

func (m *metric) figures(docs []*Doc) figures {
	f := figures{min: math.Inf(1), max: math.Inf(-1), distinct: map[key]bool{}}
	for _, d := range docs {
		for _, k := range keysOf(d, m.name) {
			f.n++
			f.sum = float64(f.sum + k.n)
			f.min, f.max = min(f.min, k.n), max(f.max, k.n)
			f.distinct[k] = true
		}
	}
	return f
}

func (m *metric) write(w *rest.Writer, docs []*Doc, _ *Aggregation, _ bool) {
	f := m.figures(docs)
	kind := kindOf(docs, m.name)
	value := func(name string, v float64) {
		if f.n == 0 {
			w.Null(name)
			return
		}
		w.Float(name, v)
		if isDate(kind) {
			w.Str(name+"_as_string", rest.IsoMillis(time.UnixMilli(int64(v)).UTC()))
		}
	}
	switch m.what {
	case "value_count":
		w.Int("value", f.n)
	case "cardinality":
		w.Int("value", len(f.distinct))
	case "sum":
		w.Float("value", f.sum)
	case "avg":
		value("value", f.sum/float64(f.n))
	case "min":
		value("value", f.min)
	case "max":
		value("value", f.max)
	case "stats":
		w.Int("count", f.n)
		value("min", f.min)
		value("max", f.max)
		value("avg", f.sum/float64(f.n))
		w.Float("sum", f.sum)
	}
}

// units are those of a fixed interval.
var fixedUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// fixedInterval reads "30m".
func fixedInterval(text string) time.Duration {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	unit, ok := fixedUnits[text[len(digits):]]
	if err != nil || !ok || n <= 0 {
		rest.Raise(rest.IllegalArgument("failed to parse setting [date_histogram.fixedInterval] with value [%s] as a time value", text))
	}
	return time.Duration(n) * unit
}

// calendarUnits are those of a calendar interval, as date math names them.
var calendarUnits = map[string]string{
	"minute": "m", "1m": "m", "hour": "h", "1h": "h", "day": "d", "1d": "d", "week": "w", "1w": "w", "month": "M", "1M": "M", "year": "y", "1y": "y",
}
