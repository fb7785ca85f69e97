package cases

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func FuzzParseCase(f *testing.F) {
	f.Add([]byte(`{"id":"x","nodes":[{"id":"a"}],"indices":[{"name":"i","shards":[]}]}`))
	f.Add([]byte(`{"format":1,"settings":{"a":"b"},"events":[{"type":"start"}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := Parse(line)
		assert.Equal(t, err == nil, c != nil, "a case or the reason why there is none")
	})
}
