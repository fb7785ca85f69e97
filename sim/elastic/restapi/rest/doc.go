// Package rest is what handlers of the REST API are made of: the request with its
// parameters and body, the call with the node that answers it, routes, Elasticsearch's
// errors, index expressions, and the JSON that goes both ways.
//
// A handler has two phases, as in Elasticsearch: prepare reads parameters and body and
// returns an [Action]; only when every parameter has been read is the action run. A
// handler raises errors where Elasticsearch throws them ([Raise]); whoever dispatches the
// request catches them.
package rest
