// Package elastictest is a small cluster for the tests of the rooms around the node.
package elastictest
