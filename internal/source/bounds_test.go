package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/source"
)

func TestWhatWouldCostTooMuchIsRefusedAtItsPlace(t *testing.T) {
	var steps strings.Builder
	for i := range 100 {
		steps.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	laughs := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'h'; c++ {
		one := "*" + string(c-1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Join([]string{one, one, one, one, one, one, one, one, one, one}, ", ") + "]\n"
	}
	for text, want := range map[string]string{
		"a: " + strings.Repeat("[", 100_000): "s.yaml:1:68: mappings and lists lie more than 64 deep",
		strings.Repeat("- ", 100_000) + "x":  "deep in each other",
		steps.String():                       "s.yaml:64:64: mappings and lists lie more than 64 deep",
		"a: " + strings.Repeat("x", 9<<20):   "expected at most 8388608",
		laughs:                               "the document has more than 2000000 values",
		"a: *nobody":                         "there is no anchor &nobody before this alias",
	} {
		_, err := source.Parse("s.yaml", []byte(text))
		assert.ErrorContains(t, err, want, text[:min(20, len(text))])
	}
	_, err := source.Parse("s.yaml", []byte("a: \""+strings.Repeat("[", 1000)+"\" # "+strings.Repeat("{", 1000)))
	require.NoError(t, err, "text and comments nest nothing")
}

func TestAFileThatIsTooLongIsNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "long.yaml")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, os.Truncate(name, 1<<40)) // a terabyte of nothing: reading it would fail otherwise
	_, err := source.ReadFile(name)
	assert.EqualError(t, err, name+":1:1: the file has 1099511627776 bytes; expected at most 8388608")
}
