// Package lease lets several controllers share a cluster: one acts, the others stand
// by, and when it falls silent one of them takes over.
//
// The lease is a document in an index of the cluster itself. Whoever holds it writes
// it anew at intervals; every write is conditional on the version read last
// (if_seq_no, if_primary_term), so of several writers one wins, and the others learn
// that they lost.
//
// Nobody compares wall clocks. The holder counts from before it sent its last
// successful renewal, on its own monotonic clock, and stops acting a [Config.guard]
// before the time to live is over. A stand-by counts from when it first read the
// version that is there, and takes over when that version has stood for the whole
// time to live. So two of them never act at once, as long as their clocks run at
// rates that differ by less than the guard's share.
//
// Fencing: a holder that lost the lease does nothing more. Its processes' context
// ends, and [Lease.Fence] refuses every request that could change the cluster, checked
// against the monotonic clock at the moment of sending, so also in a process that
// was frozen and doesn't know yet. What can't be called back is a request that had left
// before; the client's limit on a call should be shorter than the guard for that. All
// the controller sends is harmless when it arrives late: settings are absolute, and
// moves are checked by Elasticsearch against where shards are.
//
// The lease also carries what the holder has changed in the cluster's settings, so that
// its successor takes neither those changes for somebody else's nor forgets what to put
// back.
//
// If the index itself is not available, nobody can renew, and nobody acts.
package lease
