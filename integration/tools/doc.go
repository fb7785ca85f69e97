// Package tools tries what operators use, unchanged, against a cluster that sim-serve serves:
// official clients, curator and a Prometheus exporter. Each test fetches its tool with the
// tool's own package manager into a folder of the test's, and is skipped, saying so, where the
// tool can't be had.
package tools
