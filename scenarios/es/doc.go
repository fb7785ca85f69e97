// Package es is the room of Elasticsearch clusters in scenarios: what only they have in a
// file (indices, settings, the controller), its defaults and checks, the bulk load and the
// documents that are followed one by one, the controllers at work and what spoils their
// answers, and the expectations that make sense of such clusters only.
//
// Backends of the system offer a [Cluster].
package es
