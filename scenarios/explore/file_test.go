package explore

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

// Of every scenario of the library: a plan of each way of drawing is the same in the file
// that is written of it, and the file is valid.
func TestEveryPlanSurvivesItsFile(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range scenarios.Library() {
		l, err := scenarios.Load(name, nil, catalog.Vocabulary())
		require.NoError(t, err)
		s, err := newSearch(context.Background(), Config{Scenario: l, Vocabulary: catalog.Vocabulary(), Seed: 3, Plans: 1})
		require.NoError(t, err, name)
		for place := range 12 {
			p := s.generator.Plan(0, place, plans.Ways()[place%4], s.corpus)
			for _, e := range p.Plan.Entries {
				seen[e.Fault.Kind()] = true
			}
			asked := s.under(p.Plan).Expect
			if len(asked) == 0 {
				continue
			}
			c := asked[0].Line - 1
			f := &Find{claim: c, Claim: s.claims[c].text, Name: s.claims[c].name, About: "It says: a \"colon\", and more.", Seed: 7, Plan: p.Plan}
			alone, err := s.alone(f)
			require.NoError(t, err)
			assert.Equal(t, f.About, alone.About)
			assert.Equal(t, uint64(7), alone.Seed)
			assert.Equal(t, l.Cluster.Settings, alone.Cluster.Settings)
		}
	}
	assert.Greater(t, len(seen), 10)
}

func TestABadExploreSectionIsRefusedWithItsPlace(t *testing.T) {
	_, text, err := scenarios.Read("one-node-lost")
	require.NoError(t, err)
	for section, wants := range map[string][]string{
		"kinds: [node-los]":                   {":27:11:", `"node-los"`, "node-loss"},
		"kinds: [restore]":                    {":27:11:", "can't be drawn by chance"},
		"kinds: [split]":                      {":27:11:", "split is for system kv"},
		"most: 0":                             {":27:9:", "a number from 1"},
		"at-once: -1":                         {":27:12:", "a number from 1"},
		"nodes-down: 4":                       {":27:15:", "a number from 0 to 3"},
		"zones-down: 4":                       {":27:15:", "a number from 0 to 3"},
		"span: 2h":                            {":27:9:", "within 2h of a run of 1m30s"},
		"span: 0s":                            {":27:9:", "a time such as 1m"},
		"shortest: 70s":                       {":27:13:", "within the span of 1m"},
		"{shortest: 20s, longest: 10s}":       {":27:", "from 20s to the span"},
		"{kinds: [node-loss], nodes-down: 0}": {":27:", "no fault of these kinds stays inside"},
		"mots: 3":                             {":27:3:", `"mots"`, "most"},
		"claims: [{recoverd: green}]":         {":27:13:", "recovered"},
		"{kinds: [link], claims: [{detected: node-loss, within: 1s}]}": {":27:", "no fault of that kind"},
		"claims: [{linearizable: registers}]":                          {":27:27:", "linearizable is for system kv"},
	} {
		t.Run(section, func(t *testing.T) {
			body := "explore:\n  " + section + "\n"
			_, err := scenarios.Parse("cluster.yaml", append(text[:len(text):len(text)], body...), catalog.Vocabulary())
			for _, want := range wants {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}
