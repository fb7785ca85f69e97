// Package queries evaluates queries, orders and aggregations over documents as they were sent:
// what a field holds is read out of the source by the type that the index's mapping gives it.
//
// Every hit has the score 1: relevance is not modelled. Text is cut into words at what is
// neither letter nor digit, in lower case, as the standard analyzer does with plain text.
package queries
