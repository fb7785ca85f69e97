package kvproc

import "github.com/shardquake/shardquake/scenarios"

// Built is the command under test, for tests that can't be in this package.
var Built = built

// KillFromOutside kills a node's process as somebody at a terminal would: the cluster is not
// told.
func KillFromOutside(c scenarios.Cluster, node string) error {
	return c.(*scenarioCluster).nodes.nodes[node].run.cmd.Process.Kill()
}
