package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPartialDocumentIsLaidOverTheOneThatIsThere(t *testing.T) {
	for _, c := range []struct{ old, doc, want string }{
		{`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1,"b":2}`, `{"a":3}`, `{"a":3,"b":2}`},
		{`{"a":{"x":1,"y":2}}`, `{"a":{"y":3,"z":{"w":4}}}`, `{"a":{"x":1,"y":3,"z":{"w":4}}}`},
		{`{"a":{"x":1}}`, `{"a":[1, 2]}`, `{"a":[1, 2]}`},
		{`{"a":"x"}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		{`{}`, `{"a":null}`, `{"a":null}`},
		{`{ "a\"b" : 1.50 , "c" : 2 }`, `{"c":"é"}`, `{"a\"b":1.50,"c":"é"}`},
	} {
		p := Partial{Doc: []byte(c.doc), DetectNoop: true}
		got, noop, err := p.Apply([]byte(c.old))
		require.NoError(t, err, c.old)
		assert.Equal(t, c.want, string(got), "%s over %s", c.doc, c.old)
		assert.False(t, noop, "%s over %s", c.doc, c.old)
	}
}

func TestAPartialDocumentThatChangesNothingIsANoopWhereThatIsAsked(t *testing.T) {
	same := []byte(`{"a":{"x":1}}`)
	p := Partial{Doc: same, DetectNoop: true}
	_, noop, err := p.Apply([]byte(`{"a":{"x":1},"b":2}`))
	require.NoError(t, err)
	assert.True(t, noop)
	p.DetectNoop = false
	_, noop, err = p.Apply([]byte(`{"a":{"x":1},"b":2}`))
	require.NoError(t, err)
	assert.False(t, noop)
}

func TestWithoutADocumentTheUpsertIsWritten(t *testing.T) {
	p := Partial{Doc: []byte(`{"a":1}`), Upsert: []byte(`{"new":true}`), DetectNoop: true}
	got, noop, err := p.Apply(nil)
	require.NoError(t, err)
	assert.False(t, noop)
	assert.Equal(t, `{"new":true}`, string(got))
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	p := Partial{Doc: []byte(`{"a":1}`)}
	_, _, err := p.Apply([]byte(`[1]`))
	assert.Error(t, err)
}
