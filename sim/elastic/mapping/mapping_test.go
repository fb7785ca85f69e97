package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/mapping"
)

func TestAMappingLaidOverAnotherJoinsFieldsAndWinsElsewhere(t *testing.T) {
	below := []byte(`{"dynamic":"false","properties":{"a":{"type":"long"},"o":{"properties":{"x":{"type":"long"}}}}}`)
	above := []byte(`{"dynamic":"strict","properties":{"a":{"type":"keyword"},"o":{"properties":{"y":{"type":"date"}}}}}`)
	got, err := mapping.Merge(below, above)
	require.NoError(t, err)
	assert.JSONEq(t, `{"dynamic":"strict","properties":{"a":{"type":"keyword"},"o":{"properties":{"x":{"type":"long"},"y":{"type":"date"}}}}}`, string(got))
}

func TestAnUpdateKeepsTheTypesOfFields(t *testing.T) {
	have := []byte(`{"properties":{"o":{"properties":{"x":{"type":"long"}}}}}`)
	_, err := mapping.Update(have, []byte(`{"properties":{"o":{"properties":{"x":{"type":"keyword"}}}}}`))
	var conflict *mapping.Conflict
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, "mapper [o.x] cannot be changed from type [long] to [keyword]", conflict.Error())
	got, err := mapping.Update(have, []byte(`{"properties":{"n":{"type":"long"}}}`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"properties":{"n":{"type":"long"},"o":{"properties":{"x":{"type":"long"}}}}}`, string(got))
}

func TestAnEmptyMappingIsNone(t *testing.T) {
	got, err := mapping.Normal([]byte(`{"properties":{}}`))
	require.NoError(t, err)
	assert.Nil(t, got)
	assert.True(t, mapping.KeepsSource(nil))
	assert.False(t, mapping.KeepsSource([]byte(`{"_source":{"enabled":false}}`)))
}
