// Package turns has the nodes of a cluster take turns: the one that was used last comes last.
package turns
