package restapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic/restapi/usage"
)

func TestEveryRequestThatIsServedIsCountedUnderAName(t *testing.T) {
	lacking := map[string]bool{}
	for _, r := range unservedRoutes() {
		for _, on := range r.On {
			lacking[on] = true
		}
	}
	for _, r := range routeTable() {
		for _, on := range r.On {
			if lacking[on] || strings.HasPrefix(on, "PUT /_template/") || strings.HasPrefix(on, "POST /_template/") {
				continue // nodes do not count templates of the older kind that are put
			}
			assert.NotEmpty(t, usage.NameOf(on), on)
		}
	}
}

func TestEveryNameIsOfARequestThatIsServed(t *testing.T) {
	named := map[string]bool{}
	for _, r := range routeTable() {
		for _, on := range r.On {
			named[usage.PlaceOf(on)] = true
		}
	}
	for _, place := range usage.Places() {
		assert.True(t, named[place], "%s has a name and no route", place)
	}
}
