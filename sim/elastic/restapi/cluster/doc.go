// Package cluster holds the REST endpoints about the cluster and its indices: health,
// state, settings, mappings, reroute, explanations of the allocator, templates and policies.
package cluster
