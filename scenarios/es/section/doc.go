// Package section is what scenario files say of Elasticsearch clusters alone: an index, where
// its copies are, and the controller that looks after the cluster. It stands below package
// scenarios, which reads files without knowing the system; defaults and checks that need more
// than the section itself are in package es.
package section
