// Package policy decides when an Elasticsearch cluster's shards should be moved,
// and why.
//
// A policy sees numbers ([Observation]) and answers with a [Verdict]: what to do,
// the reason in words, and the numbers it was decided on. It calls nothing and
// waits for nothing, so that the same decision can be taken again from an audit
// record. Whoever runs it (controller.ShardController) does what it says.
//
// A new policy is one file and one line in [Registry].
package policy
