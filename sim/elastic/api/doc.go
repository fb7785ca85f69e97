// Package api is what callers ask of a node and what it answers, as Go values: documents,
// searches, statistics and errors. The REST layer writes them as JSON.
package api
