// Package restapi is Elasticsearch's REST API on the nodes of a simulated cluster.
//
// An [API] answers a request as the node that received it would: it matches the
// path in a table of routes (routes.go), reads the parameters and accounts for
// each, reads the body, asks the model (package elastic) and renders the answer.
// What is unknown, be it a path, a method, a parameter, a field or a setting, gets
// Elasticsearch's own error. testdata/contract.json records what an 8.19.0 node
// answers; the tests hold the simulator to it and list where it differs and why.
//
// # Handlers
//
// A handler has two phases, as in Elasticsearch: prepare reads parameters and body
// and returns an action; only when every parameter has been read is the action run.
// Answers are written by an ordered writer ([jsonWriter]) without spaces; filter_path,
// pretty and YAML are transformations of the finished text. What depends on the
// cluster state alone is rendered once per state (cache.go).
//
// # Reaching it
//
// [API.RoundTripper] gives a viewer (a controller, a client) an http.RoundTripper
// inside the simulation: the calling process pays latency and bandwidth of the links
// to the node and back, sees a refused connection when the node is down and nothing
// at all when the link swallows packets. [API.Serve] answers real clients on real
// ports while virtual time follows the wall clock.
//
// Not served: SMILE and CBOR bodies, aliases, templates, snapshots, scroll and
// everything of x-pack. A node without those modules answers their paths as this
// one does.
package restapi
