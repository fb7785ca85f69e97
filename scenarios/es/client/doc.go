// Package client is an Elasticsearch client as applications have it: it goes round the nodes
// that it knows, sets aside those that don't answer, repeats on the next what had no answer,
// and may ask the cluster which nodes there are. Pool, times and retries are those of the
// official client for Go (elastic-transport-go), which itself can't run in virtual time: its
// pool starts timers of the machine's clock.
//
// What became of an operation is told by one classification, whatever cluster it was sent to:
// [Classify] for an answer or its absence, [OfItem] for a document in a bulk.
package client
