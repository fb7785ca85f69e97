// Package backend has scenarios run on the simulated Elasticsearch cluster: it builds the
// cluster that a scenario describes ([Backend]), lets faults act on it (target*.go), and
// tells what changes in it (observe*.go). Its tests are those of the cluster as a whole.
package backend
