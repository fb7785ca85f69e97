// Package kv is the room of key-value clusters in scenarios: what only they have in a file,
// its defaults and checks, the clients (made by package kvload), how views of a cluster
// become observations ([Watch]), and the expectations that make sense of such clusters only.
//
// Backends of the system offer a [Cluster].
package kv
