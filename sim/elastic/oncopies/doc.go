// Package oncopies is what is asked of every copy of indices over the network
// (TransportBroadcastReplicationAction): to refresh, to flush, to merge its segments.
package oncopies
