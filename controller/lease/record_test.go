package lease

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
)

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"holder":"a","name":"n","token":3,"ttl_millis":10000}`))
	f.Add([]byte(`{"token":1e99}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, source []byte) {
		rec := parseRecord(source)
		if !json.Valid(source) {
			assert.Equal(t, "unknown", rec.Holder, "somebody holds what nobody can read")
		}
	})
}
