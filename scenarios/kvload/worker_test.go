package kvload

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestEveryClientOfRegistersAndListsHasAPartner(t *testing.T) {
	for _, kind := range []string{Registers, Append} {
		for clients := 2; clients <= 9; clients++ {
			partners := make(map[time.Duration][]int)
			for n := range clients {
				w := worker{stream: &Stream{Kind: kind, Clients: clients}, number: n}
				offset := w.offset(time.Second)
				assert.Less(t, offset, time.Second)
				partners[offset] = append(partners[offset], w.pair())
			}
			for _, p := range partners {
				assert.GreaterOrEqual(t, len(p), 2, "%d clients of %s", clients, kind)
				assert.LessOrEqual(t, len(p), 3)
				assert.Equal(t, p[0], p[1], "they are one pair, so they take the same registers")
			}
		}
	}
	alone := worker{stream: &Stream{Kind: Registers, Clients: 1}}
	assert.Zero(t, alone.offset(time.Second))
}
