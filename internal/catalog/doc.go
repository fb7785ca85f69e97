// Package catalog is the one place that wires backends and controllers to scenarios,
// for the command and for tests.
package catalog
