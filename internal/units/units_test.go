package units_test

import (
	"encoding"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/internal/units"
)

func TestQuantitiesAreReadAsWritten(t *testing.T) {
	for text, want := range map[string]int64{"50mb": 50 << 20, "1.5kb": 1536, "0b": 0, "2TB": 2 << 40, "7 gb": 7 << 30} {
		got, err := units.ParseSize(text)
		require.NoError(t, err, text)
		assert.EqualValues(t, want, got, text)
	}
	for text, want := range map[string]int64{"1gbit": 125_000_000, "100mbit": 12_500_000, "5mb/s": 5 << 20} {
		got, err := units.ParseBandwidth(text)
		require.NoError(t, err, text)
		assert.EqualValues(t, want, got, text)
	}
	rate, err := units.ParseRate("30/m")
	require.NoError(t, err)
	assert.EqualValues(t, 0.5, rate)
	skew, err := units.ParseSkew("zipf(1.1)")
	require.NoError(t, err)
	assert.EqualValues(t, 1.1, skew)
	assert.Equal(t, "1m30s", units.Duration(90*time.Second).String())
	assert.Equal(t, "5m", units.Duration(5*time.Minute).String())
	assert.Equal(t, "2h", units.Duration(2*time.Hour).String())
	assert.Equal(t, int64(30<<20), units.Fraction{Num: 1, Den: 1024}.Of(30<<30))
}

func TestWhatHasNoUnitOrMakesNoSenseIsRefused(t *testing.T) {
	for _, text := range []string{"", "5", "mb", "-1mb", "1e300pb", "5 minutes", "nanmb", "infmb", "8192pb"} {
		_, err := units.ParseSize(text)
		assert.ErrorContains(t, err, "is not a size", text)
	}
	for _, text := range []string{"85", "101%", "-1%", "x%", "nan%", "inf%"} {
		_, err := units.ParsePercent(text)
		assert.ErrorContains(t, err, "is not a percentage", text)
	}
	for _, text := range []string{"5", "5/d", "-5/s", "/s", "nan/s", "inf/s"} {
		_, err := units.ParseRate(text)
		assert.ErrorContains(t, err, "is not a rate", text)
	}
	for _, text := range []string{"1gb", "0mbit", "fast", "nangbit", "infmbit", "1e300gbit"} {
		_, err := units.ParseBandwidth(text)
		assert.ErrorContains(t, err, "is not a bandwidth", text)
	}
	for _, text := range []string{"2/1", "0/5", "1/0", "x"} {
		_, err := units.ParseFraction(text)
		assert.ErrorContains(t, err, "is not a fraction", text)
	}
	for _, text := range []string{"zipf", "zipf(-1)", "normal(2)", "zipf(nan)"} {
		_, err := units.ParseSkew(text)
		assert.ErrorContains(t, err, "is not a skew", text)
	}
	_, err := units.ParseBound("<> 3")
	assert.ErrorContains(t, err, "is not a bound")
}

func TestABoundHoldsExactlyWhereItsMarginIsNotNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := units.Bound{Op: rapid.SampledFrom([]string{"<", "<=", ">", ">=", "="}).Draw(t, "op"), Value: float64(rapid.IntRange(-5, 5).Draw(t, "limit"))}
		v := float64(rapid.IntRange(-6, 6).Draw(t, "value"))
		margin := b.Margin(v)
		if b.Holds(v) {
			assert.GreaterOrEqual(t, margin, 0.0)
		} else {
			assert.LessOrEqual(t, margin, 0.0)
		}
	})
}

func TestTextOfAQuantityIsReadBackAsTheSame(t *testing.T) {
	again := func(t *rapid.T, in encoding.TextMarshaler, out encoding.TextUnmarshaler) {
		text, err := in.MarshalText()
		require.NoError(t, err)
		require.NoError(t, out.UnmarshalText(text), string(text))
	}
	rapid.Check(t, func(t *rapid.T) {
		d := units.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "duration"))
		var d2 units.Duration
		again(t, d, &d2)
		assert.Equal(t, d, d2)
		s := units.Size(rapid.Int64Range(0, 1<<50).Draw(t, "size"))
		var s2 units.Size
		again(t, s, &s2)
		assert.Equal(t, s, s2)
		b := units.Bound{Op: rapid.SampledFrom([]string{"<", "<=", ">", ">=", "="}).Draw(t, "op"), Value: rapid.Float64Range(-1e6, 1e6).Draw(t, "v")}
		var b2 units.Bound
		again(t, b, &b2)
		assert.Equal(t, b, b2)
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"50mb", "85%", "500/s", "1gbit", "1/1000", "zipf(1.1)", "< 0.1", "90s"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		// None of them may panic, whatever the text.
		units.ParseSize(s)
		units.ParsePercent(s)
		units.ParseRate(s)
		units.ParseBandwidth(s)
		units.ParseFraction(s)
		units.ParseSkew(s)
		units.ParseBound(s)
		units.ParseDuration(s)
	})
}
