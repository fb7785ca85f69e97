// Package findings keeps what was found of an index while nodes are compared, and says how
// long it holds: of many nodes a few change between one look and the next.
package findings
