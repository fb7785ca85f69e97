package scenarios

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTwoMasterEligibleNodesAreWarnedOf(t *testing.T) {
	nodes := func(count int, roles map[string][]string) *Scenario {
		return &Scenario{System: "elasticsearch", Cluster: ClusterSection{Nodes: NodesSection{Count: count, RolesOf: roles}}}
	}
	assert.Equal(t, []string{"two master-eligible nodes (n1, n2) survive no loss: without one of them no master can be elected; three survive one"}, nodes(2, nil).Warnings())
	assert.Len(t, nodes(3, map[string][]string{"n3": {"data"}}).Warnings(), 1)
	assert.Empty(t, nodes(3, nil).Warnings())
	assert.Empty(t, nodes(1, nil).Warnings())
	assert.Empty(t, (&Scenario{System: systemKV, Cluster: ClusterSection{Nodes: NodesSection{Count: 2}}}).Warnings())
}
