package recovery

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAWatermarkIsAShareOrFreeBytes(t *testing.T) {
	for text, want := range map[string]mark{
		"95%": {usable: 0.95, headroom: -1}, "0.95": {usable: 0.95, headroom: -1},
		"500mb": {bytes: 500 << 20, headroom: -1}, "0.5gb": {bytes: 512 << 20, headroom: -1},
	} {
		m, err := parseMark(text, "")
		require.NoError(t, err, text)
		assert.InDelta(t, want.usable, m.usable, 1e-9, text)
		assert.Equal(t, want.bytes, m.bytes, text)
	}
	for _, text := range []string{"", "much", "0.5x", "-1", "NaN", "1.5"} {
		_, err := parseMark(text, "")
		assert.Error(t, err, text)
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("95%", "100GB")
	f.Add("0.9", "-1")
	f.Fuzz(func(t *testing.T, text, headroom string) {
		if m, err := parseMark(text, headroom); err == nil {
			assert.True(t, m.usable >= 0 && m.usable <= 1, "%q: %v", text, m.usable)
		}
	})
}

func FuzzParseHistory(f *testing.F) {
	f.Add([]byte(`{"version":1,"next_id":3,"past":[{"id":1,"index":"i","shard":0}],"totals":[{"cause":"disabled","count":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, _ := parseHistory(data)
		assert.Equal(t, historyVersion, h.Version, "what can't be read gives an empty history")
	})
}
