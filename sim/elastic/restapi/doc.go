// Package restapi is Elasticsearch's REST API on the nodes of a simulated cluster.
//
// An [API] answers a request as the node that received it would: it matches the
// path in a table of routes (routes.go), reads the parameters and accounts for
// each, reads the body, asks the model (package elastic) and renders the answer.
// What is unknown, be it a path, a method, a parameter, a field or a setting, gets
// Elasticsearch's own error. contract/contract.json and contract/snapshots.json record what
// an 8.19.0 node answers; the tests hold the simulator to them and list where it differs and
// why.
//
// # Rooms
//
// Endpoints stand in rooms by what they are about, each with a list of its routes:
// cluster, documents, repositories, cat and stats; lookups, reshape, balance, usage, policies and
// xpack hold a few each; queries evaluates searches. An endpoint is
// a line in the list of its room. All of
// them are made of package rest: requests, calls, routes, errors and JSON. Answers are
// written by an ordered writer ([rest.Writer]) without spaces; filter_path, pretty and
// YAML are transformations of the finished text. What depends on the cluster state alone
// is rendered once per state (rest/cache.go).
//
// # Reaching it
//
// [API.RoundTripper] gives a viewer (a controller, a client) an http.RoundTripper
// inside the simulation: the calling process pays latency and bandwidth of the links
// to the node and back, sees a refused connection when the node is down and nothing
// at all when the link swallows packets. [API.Serve] answers real clients on real
// ports while virtual time follows the wall clock.
//
// Not served: SMILE and CBOR bodies, filters and routing of aliases, and what unserved.go lists, each with the
// nearest that there is. Paths of modules (data streams, policies) are those of the default distribution only, and
// come from documented answers: the nodes that the contract was recorded of lack the modules.
package restapi
