// Package javaorder reproduces the orders that Elasticsearch's decisions depend on
// and that come from the Java runtime and from Lucene: the iteration order of
// java.util.HashMap and the unstable sort of Lucene's IntroSorter.
package javaorder
