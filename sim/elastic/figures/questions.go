package figures

import "github.com/shardquake/shardquake/sim/elastic"

// What several nodes are asked of themselves at once.
type (
	// AskStats is about a node's machine and process.
	AskStats struct{}
	// AskSizes is about documents and bytes of its copies by index.
	AskSizes struct{}
	// AskStores is about what it holds on disk, AskSegments about the segments of its copies.
	AskStores   struct{}
	AskSegments struct{}
	// AskRecoveries is about the recoveries of its copies.
	AskRecoveries struct{ Active, Detailed bool }
)

func (AskStats) Ask(n *elastic.Node) (elastic.NodeStats, error) { return LocalNodeStats(n), nil }

func (AskSizes) Ask(n *elastic.Node) ([]IndexSize, error) { return IndexSizes(n), nil }

func (AskStores) Ask(n *elastic.Node) ([]StoreInfo, error) { return LocalStores(n), nil }

func (AskSegments) Ask(n *elastic.Node) ([]CopySegments, error) { return LocalSegments(n), nil }

func (q AskRecoveries) Ask(n *elastic.Node) ([]elastic.RecoveryInfo, error) {
	return Recoveries(n, q.Active, q.Detailed), nil
}
