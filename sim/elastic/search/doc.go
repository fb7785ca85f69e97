// Package search answers reads on a node: documents by id, searches, counts, points in time,
// and the refreshes and flushes of whole indices. The node that is asked coordinates: it
// asks copies one after another until one answers, on their nodes by the transport, and puts
// the parts together.
package search
