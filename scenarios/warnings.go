package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// Warnings are what whoever describes such a cluster may not have meant.
func (s *Scenario) Warnings() []string {
	var out []string
	if masters := s.masterEligible(); s.System != systemKV && len(masters) == 2 {
		out = append(out, fmt.Sprintf("two master-eligible nodes (%s) survive no loss: without one of them no master can be elected; three survive one", strings.Join(masters, ", ")))
	}
	return out
}

// masterEligible are the nodes that may be master, those that come late apart.
func (s *Scenario) masterEligible() []string {
	var out []string
	for _, n := range s.ClusterSpec().Nodes {
		if !n.Late && (len(n.Roles) == 0 || slices.Contains(n.Roles, "master")) {
			out = append(out, n.Name)
		}
	}
	return out
}
