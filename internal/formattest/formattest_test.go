package formattest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

type file struct {
	Name  string         `json:"name"`
	Sizes []int          `json:"sizes,omitempty"`
	More  map[string]any `json:"more,omitempty"`
	Left  string         `json:"-"`
}

func TestWhatAFileSaysHasToComeBack(t *testing.T) {
	assert.NoError(t, kept([]byte(`{"name":"a","sizes":[1,2],"more":{"x":{"y":null}}}`), &file{}))
	assert.ErrorContains(t, kept([]byte(`{"name":"a","gone":1}`), &file{}), `unknown field "gone"`)
	assert.ErrorContains(t, kept([]byte(`{"name":"a","sizes":[]}`), &file{}), "$.sizes is lost")
	assert.ErrorContains(t, kept([]byte(`{"name":5}`), &file{}), "cannot unmarshal")
	assert.ErrorContains(t, kept([]byte(`{"name":"a","sizes":"no"}`), &file{}), "cannot unmarshal")
}

func TestWhatDiffersIsNamedWithItsPlace(t *testing.T) {
	assert.EqualError(t, holds(map[string]any{"a": []any{1.0, 2.0}}, map[string]any{"a": []any{1.0, 3.0}}, "$"), "$.a[1] is 2, was 3")
	assert.EqualError(t, holds([]any{1.0}, []any{1.0, 2.0}, "$"), "$ has 1 elements, not 2")
	assert.EqualError(t, holds("text", map[string]any{"a": 1.0}, "$"), "$.a is lost")
}
