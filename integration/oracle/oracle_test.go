package oracle

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

func TestDrawnCasesAreValid(t *testing.T) {
	for _, family := range Families {
		settings := 0
		for seed := range uint64(12) {
			o := Options{Size: Size(seed % 4), Bold: seed%2 == 1}
			c, err := Draw(family, seed, o)
			require.NoError(t, err)
			line, err := json.Marshal(c)
			require.NoError(t, err)
			_, err = cases.Parse(line)
			require.NoError(t, err)
			settings += len(c.Settings)

			again, err := Draw(family, seed, o)
			require.NoError(t, err)
			assert.Equal(t, c, again, "one seed, one case")
			other, err := Draw(family, seed+1, o)
			require.NoError(t, err)
			assert.NotEqual(t, c.Nodes, other.Nodes, "another seed, another case")
		}
		assert.Positive(t, settings, "family %s never changes a setting", family)
	}
}

func TestTheModelPlaysDrawnCases(t *testing.T) {
	for _, family := range Families {
		decided := 0
		for seed := range uint64(6) {
			c, err := Draw(family, seed, Options{Size: Small, Bold: seed%2 == 1})
			require.NoError(t, err)
			for _, allocator := range []string{"balanced", "desired_balance"} {
				r, err := cases.Run(c, allocator)
				require.NoError(t, err, c.Name)
				for _, round := range r.Rounds {
					decided += len(round.Decisions)
				}
			}
		}
		assert.Positive(t, decided, "nothing to decide in family %s", family)
	}
}

func TestHugeCasesAreHuge(t *testing.T) {
	c, err := Draw("combined", 1, Options{Size: Huge})
	require.NoError(t, err)
	assert.Len(t, c.NodeOrder, 100)
	copies := 0
	for _, idx := range c.Indices {
		for _, s := range idx.Shards {
			copies += len(s.Copies)
		}
	}
	assert.GreaterOrEqual(t, copies, 5000)
}

func TestAnUnknownFamilyHasNothingSpecial(t *testing.T) {
	c, err := Draw("plain", 1, Options{Size: Small})
	require.NoError(t, err)
	assert.Empty(t, c.Events)
}

// The orders of recorded cases are those of Elasticsearch's own maps.
func TestOrdersAreThoseOfElasticsearchsMaps(t *testing.T) {
	files, err := filepath.Glob("../../sim/elastic/allocation/cases/testdata/*.jsonl*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	compared := 0
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		var in io.Reader = bufio.NewReader(f)
		if strings.HasSuffix(file, ".gz") {
			in, err = gzip.NewReader(f)
			require.NoError(t, err)
		}
		require.NoError(t, cases.Read(context.Background(), file, in, func(c *cases.Case) error {
			var names []string
			for _, idx := range c.Indices {
				names = append(names, idx.Name)
			}
			assert.Equal(t, c.IndexOrder, indexOrder(names), c.Name)
			assert.Equal(t, c.NodeOrder, nodeOrder(c.NodeOrder), c.Name)
			compared++
			return nil
		}))
		require.NoError(t, f.Close())
	}
	assert.Greater(t, compared, 20)
}

func TestIDsThatShareABucketAreSeen(t *testing.T) {
	assert.True(t, apart([]string{"A", "B"}, 2))
	assert.False(t, apart([]string{"A", "E"}, 2), "a HashMap of two has four buckets")
	assert.True(t, apart([]string{"A", "E"}, 4))
}
