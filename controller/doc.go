// Package controller looks after an Elasticsearch 8 cluster.
//
// [Controller] runs two loops. The [ShardController] observes the distribution of
// shards, asks a policy (package policy) what to do and does it: it sets the
// cluster's rebalancing and recovery settings, follows the recoveries that result
// and writes an audit record ([Decision]) of every round. The [ReplicationMonitor]
// judges the copies of every index (healthy, syncing, degraded, failed), writes a
// report, raises alerts and triggers recovery.
//
// [Client] is their only way to the cluster: the transport of the official
// go-elasticsearch client over connections that the caller provides, with fail-over
// between nodes, bounded retries and a time limit on every call. It builds its requests
// itself, so that the generated code of some six hundred calls isn't compiled for the
// twenty-five that it makes; tests hold them to those that go-elasticsearch builds.
//
// The same code runs in a daemon on a production cluster and, in virtual time,
// in a simulator. So it takes all time, waiting and concurrency from
// internal/clock, passes the context of its process to every call, and has no
// branch on where it runs.
//
// Statuses and log lines have the form that operators of the first version know;
// see [ReplicationStatus], [LineHandler].
package controller
