package es

import (
	"github.com/shardquake/shardquake/scenarios"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ofRoles = `name: roles
about: Nodes of several kinds.
system: elasticsearch
cluster:
  nodes: {count: 3, ROLES}
expect: [{steady-state: green, at: end}]
duration: 1m
`

func TestSingleNodesMayHaveRolesOfTheirOwn(t *testing.T) {
	s, err := scenarios.Parse("roles.yaml", []byte(strings.Replace(ofRoles, "ROLES", "roles: [master, data], roles-of: {n2: [data]}", 1)), testVocabulary)
	require.NoError(t, err)
	var roles [][]string
	for _, n := range s.ClusterSpec().Nodes {
		roles = append(roles, n.Roles)
	}
	assert.Equal(t, [][]string{{"master", "data"}, {"data"}, {"master", "data"}}, roles)
}

func TestRolesThatMakeNoClusterAreRefused(t *testing.T) {
	for roles, want := range map[string]string{
		"roles-of: {n4: [data]}":                           `unknown node "n4"; did you mean "n1"?`,
		"roles-of: {n2: [dat]}":                            `unknown role "dat"; did you mean "data"?`,
		"roles: [data]":                                    "no node that is there from the start has the role master",
		"late: 1, roles: [data], roles-of: {n3: [master]}": "no node that is there from the start has the role master",
	} {
		_, err := scenarios.Parse("roles.yaml", []byte(strings.Replace(ofRoles, "ROLES", roles, 1)), testVocabulary)
		assert.ErrorContains(t, err, want, roles)
	}
}

func TestTheDistributionIsTheOnePeopleRunUnlessSaidOtherwise(t *testing.T) {
	for line, want := range map[string]string{"cpus: 2}": "default", "cpus: 2}\n  distribution: minimal #": "minimal"} {
		s, err := scenarios.Parse("roles.yaml", []byte(strings.Replace(ofRoles, "ROLES}", line, 1)), testVocabulary)
		require.NoError(t, err)
		spec := s.ClusterSpec()
		assert.Equal(t, want, DescriptionOf(spec).Distribution)
		assert.False(t, NeedsTiers(spec), "every node has all tiers")
	}
	_, err := scenarios.Parse("roles.yaml", []byte(strings.Replace(ofRoles, "ROLES}", "cpus: 2}\n  distribution: minimum", 1)), testVocabulary)
	assert.ErrorContains(t, err, `unknown distribution "minimum"; did you mean "minimal"?`)
}
