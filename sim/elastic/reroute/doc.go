// Package reroute is what is asked of the master's allocator through the API: to carry out
// commands, to explain where a copy may be, to forget its balance, to clear a node that is
// meant to go.
package reroute
