package lifecycle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Figures are what conditions of a rollover look at.
type Figures struct {
	Age         time.Duration
	Docs, Bytes int64 // of the primaries
	// MostDocs and MostBytes are those of the primary that has most.
	MostDocs, MostBytes int64
}

// condition is a condition of a rollover by its name.
type condition struct {
	name string
	kind string // "age", "docs" or "bytes"
	of   func(f *Figures) int64
}

// conditions in Elasticsearch's order.
var conditions = []condition{ //nolint:gochecknoglobals // a table, never written to
	{"max_age", "age", func(f *Figures) int64 { return int64(f.Age) }},
	{"max_docs", "docs", func(f *Figures) int64 { return f.Docs }},
	{"max_size", "bytes", func(f *Figures) int64 { return f.Bytes }},
	{"max_primary_shard_size", "bytes", func(f *Figures) int64 { return f.MostBytes }},
	{"max_primary_shard_docs", "docs", func(f *Figures) int64 { return f.MostDocs }},
	{"min_age", "age", func(f *Figures) int64 { return int64(f.Age) }},
	{"min_docs", "docs", func(f *Figures) int64 { return f.Docs }},
	{"min_size", "bytes", func(f *Figures) int64 { return f.Bytes }},
	{"min_primary_shard_size", "bytes", func(f *Figures) int64 { return f.MostBytes }},
	{"min_primary_shard_docs", "docs", func(f *Figures) int64 { return f.MostDocs }},
}

// ConditionNames are the names of the conditions there are.
func ConditionNames() []string {
	names := make([]string, len(conditions))
	for i, c := range conditions {
		names[i] = c.name
	}
	return names
}

func find(name string) *condition {
	i := slices.IndexFunc(conditions, func(c condition) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &conditions[i]
}

// bound is a condition's value as a number: nanoseconds, documents or bytes.
func (c *condition) bound(text string) (int64, error) {
	switch c.kind {
	case "age":
		d, err := settings.ParseTime(c.name, text)
		return int64(d), err
	case "bytes":
		return settings.ParseBytes(c.name, text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("failed to parse [%s] with value [%s]: a number is expected", c.name, text)
	}
	return n, nil
}

// Check refuses a condition that does not exist or whose value can't be read.
func Check(c state.Condition) error {
	rule := find(c.Name)
	if rule == nil {
		return fmt.Errorf("unknown rollover condition [%s]", c.Name)
	}
	_, err := rule.bound(c.Value)
	return err
}

// Met says whether a condition holds. It must have been checked.
func Met(c state.Condition, f *Figures) bool {
	rule := find(c.Name)
	if rule == nil {
		return false
	}
	bound, err := rule.bound(c.Value)
	return err == nil && rule.of(f) >= bound
}

// RollsOver says whether an index is to be rolled over: all that it must have at least holds,
// and one of those that it may have at most is reached. Without any of these it is not,
// except when nothing is asked for at all.
func RollsOver(list []state.Condition, f *Figures) bool {
	if len(list) == 0 {
		return true
	}
	reached := false
	for _, c := range list {
		switch met := Met(c, f); {
		case strings.HasPrefix(c.Name, "min_") && !met:
			return false
		case strings.HasPrefix(c.Name, "max_") && met:
			reached = true
		}
	}
	return reached
}
