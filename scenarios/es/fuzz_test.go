package es

import (
	"github.com/shardquake/shardquake/scenarios"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnEmptyEntryOfAListIsPointedAt(t *testing.T) {
	_, err := scenarios.Parse("a.yaml", []byte("name: a\nfaults: [null]\nexpect: [null]\n"), testVocabulary)
	assert.ErrorContains(t, err, "expected a time and a fault")
	assert.ErrorContains(t, err, "expected an expectation")
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("name: x\nsystem: elasticsearch\ncluster: {nodes: {count: 1}}\nexpect:\n  - {balance: shards, cv: \"< 0.1\", at: 5m}\nduration: 1m\n")
	f.Add("cluster:\n  nodes: {count: 1}\nfaults:\n-\nexpect:\n-\n")
	f.Add("name: [\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scenarios.Parse("fuzz.yaml", []byte(text), testVocabulary)
		if (s == nil) == (err == nil) {
			t.Fatalf("a file is either read or refused with a reason: %v, %v", s, err)
		}
	})
}
