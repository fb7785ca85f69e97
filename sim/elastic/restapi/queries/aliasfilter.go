package queries

import (
	"encoding/json"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// AliasFilter is the filter of an alias as it is kept: a query that can be read, as JSON; nil
// without one (AliasValidator.validateAliasFilter).
func AliasFilter(alias string, v *rest.Value) []byte {
	if v.Kind == rest.NullValue || v.Kind == rest.ObjectValue && len(v.Members) == 0 {
		return nil
	}
	var bad error
	func() {
		defer rest.Catch(&bad)
		p := &Parser{Now: func() time.Time { return time.Unix(0, 0).UTC() }}
		p.Query(v)
	}()
	if bad != nil {
		cause := elastic.AsError(bad)
		if rest.IsNotModelled(cause) {
			rest.Raise(cause)
		}
		refusal := rest.IllegalArgument("failed to parse filter for alias [%s]", alias)
		refusal.CausedBy = cause
		rest.Raise(refusal)
	}
	w := rest.NewWriter(false)
	w.Sep()
	w.Copy(v)
	return w.Bytes()
}

// AnyOf are the documents that one of several filters of aliases lets be seen.
func AnyOf(filters []json.RawMessage, now func() time.Time) Query {
	p := &Parser{Now: now}
	var some anyOf
	for _, text := range filters {
		v, err := rest.ParseJSON(text)
		if err != nil {
			continue // it was checked when it was set
		}
		some = append(some, p.Query(&v))
	}
	return some
}

// anyOf selects what any of several queries does, allOf what all of them do.
type (
	anyOf []Query
	allOf []Query
)

func (q anyOf) Holds(d *Doc) bool { return anyHolds(q, d) }
func (q allOf) Holds(d *Doc) bool { return allHold(q, d) }
