package compare

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports/divergence"
)

// schema is the compiled schema of comparisons.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := JSONSchema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("compare.json", doc))
	out, err := c.Compile("compare.json")
	require.NoError(t, err)
	return out
}

func written(t *testing.T, r *Result) any {
	t.Helper()
	text, err := r.JSON()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return doc
}

func TestEveryKindOfComparisonFitsTheSchema(t *testing.T) {
	base := runs(16, func(seed uint64) float64 { return 20 + float64(seed%5) })
	slower := runs(16, func(seed uint64) float64 { return 23 + float64(seed%5) + math.Exp(float64(seed)/4)/100 })
	never := runs(16, func(uint64) float64 { return 0 })
	for i := range never {
		never[i].Figures = nil
	}
	measured := func(of []Record) (out []Record) {
		for _, r := range of {
			r.Backend = "real"
			out = append(out, r)
		}
		return out
	}
	told := judged(t, base, slower, 1)
	told.Contenders[0].Scenarios[0].Why = &divergence.Parting{
		Labels: [2]string{"base", "new"}, First: [2]*divergence.Moment{{AtS: 1, Text: "a node is removed"}, nil},
		After: [2][]divergence.Moment{nil, {{AtS: 2, Text: "a shard starts", Shared: true}}},
	}
	told.Notes = []string{"something was not compared"}
	fits := schema(t)
	for name, r := range map[string]*Result{
		"unchanged": judged(t, base, base, 1), "better": judged(t, slower, base, 1), "worse and told why": told,
		"never": judged(t, base, never, 1), "mostly never": judged(t, append(never[:10:10], base[10:]...), append(never[:12:12], slower[12:]...), 1),
		"measured": judged(t, measured(base), measured(slower), 1),
	} {
		assert.NoError(t, fits.Validate(written(t, r)), name)
	}
}

func TestTheSchemaRefusesWhatIsNoComparison(t *testing.T) {
	fits := schema(t)
	spoiled := func(by func(m map[string]any)) error {
		doc := written(t, judged(t, runs(8, func(uint64) float64 { return 20 }), runs(8, func(seed uint64) float64 { return 30 + float64(seed) }), 1)).(map[string]any)
		by(doc)
		return fits.Validate(doc)
	}
	require.NoError(t, spoiled(func(map[string]any) {}))
	assert.ErrorContains(t, spoiled(func(m map[string]any) { m["verdict"] = "maybe" }), "verdict")
	assert.ErrorContains(t, spoiled(func(m map[string]any) { m["schema"] = "shardquake.compare/9" }), "schema")
	assert.ErrorContains(t, spoiled(func(m map[string]any) { delete(m, "contenders") }), "contenders")
	assert.ErrorContains(t, spoiled(func(m map[string]any) { m["colour"] = "red" }), "colour")
}

func TestWhatNeverHappenedIsReadBackAsNever(t *testing.T) {
	text, err := json.Marshal([]Amount{Amount(math.Inf(1)), 2.5})
	require.NoError(t, err)
	assert.Equal(t, `[null,2.5]`, string(text))
	var back []Amount
	require.NoError(t, json.Unmarshal(text, &back))
	assert.True(t, math.IsInf(float64(back[0]), 1))
	assert.Equal(t, Amount(2.5), back[1])
}
