package rest

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/datemath"
)

// DateMath resolves a name such as "<logs-{now/d}>", or raises Elasticsearch's refusal.
func DateMath(expression string, now time.Time) string {
	name, err := datemath.Name(expression, now)
	if err != nil {
		Raise(elastic.AsError(err))
	}
	return name
}

// AddMath moves and rounds a moment by date math such as "-1M/d", or raises Elasticsearch's
// refusal.
func AddMath(t time.Time, math string) time.Time {
	to, err := datemath.Add(t, math)
	if err != nil {
		Raise(elastic.AsError(err))
	}
	return to
}
