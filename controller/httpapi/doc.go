// Package httpapi serves a controller over HTTP: the paths of the user's documents
// (replication status, shards, rebalance and optimize), what operators and monitoring
// need besides (recoveries, decisions, metrics, health), and a small status page.
//
// Every path is one line in [Server.routes]; the OpenAPI document at /openapi.json is
// made from that table and from the types of the answers, and a test holds the
// handlers to it.
//
// Without a token only requests that name a loopback host are answered, so that a
// web page from elsewhere can't reach the API through the browser of an operator.
// With a token every path but the health checks and the empty page asks for it.
package httpapi
