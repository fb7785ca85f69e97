package settings

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryDefinitionIsSimulatedOrReadByNobody holds the list against the model's source: a
// definition that some room reads is in it, and nothing else is.
func TestEveryDefinitionIsSimulatedOrReadByNobody(t *testing.T) {
	model := ""
	require.NoError(t, filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		inside := strings.HasPrefix(path, filepath.Join("..", "settings"))
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || inside && !strings.HasSuffix(path, "watermark.go") {
			return err
		}
		text, err := os.ReadFile(path)
		model += string(text)
		return err
	}))
	list, err := os.ReadFile("simulated.go")
	require.NoError(t, err)
	// Read by the definitions of others, as their default.
	followed := map[string]bool{"NodeConcurrentRecoveries": true, "IndexRoutingShards": true}
	declared := regexp.MustCompile(`(?m)^\t?(?:var )?([A-Z]\w+)\s*= (?:&Setting\[|perIndex\(|perNode\(|cluster\(|group\(|recoveries\(|headroom\(|node(?:Time|Int|List|Enum)\()`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			count++
			word := regexp.MustCompile(`\b` + name + `\b`)
			assert.Equal(t, word.MatchString(model) || followed[name], word.Match(list), name)
		}
	}
	assert.Greater(t, count, 90, "the definitions were found")
}

func TestWhatIsNotSimulatedIsKnown(t *testing.T) {
	assert.True(t, Simulated("cluster.routing.allocation.exclude._name"), "a group covers what is under it")
	assert.True(t, Simulated("node.attr.zone"))
	assert.False(t, Simulated("indices.query.bool.max_clause_count"))
	assert.Equal(t, []string{"index.codec", "xpack.security.enabled"},
		Unsimulated(map[string]string{"xpack.security.enabled": "false", "index.codec": "best_compression", "index.number_of_replicas": "1"}))
	assert.True(t, Foreign("index.lifecycle.name"))
	assert.False(t, Foreign("index.livecycle.name"))
}
