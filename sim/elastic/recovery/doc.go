// Package recovery holds the rules of Elasticsearch's peer recovery that need no
// cluster: which retention leases a primary renews and drops, whether a returning
// copy is caught up by operations or by files, which files it can reuse.
//
// The rules are those of org.elasticsearch.index.seqno.ReplicationTracker and
// org.elasticsearch.indices.recovery.RecoverySourceHandler, version 8.19.0.
package recovery
