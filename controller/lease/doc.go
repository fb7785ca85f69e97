// Package lease lets several controllers share a cluster: one acts, the others
// stand by.
package lease
