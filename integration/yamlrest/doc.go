// Package yamlrest runs Elasticsearch's own YAML REST tests against whatever answers HTTP: a
// node, or the simulator.
//
// The tests are published with the descriptions of the APIs, in the artifact
// org.elasticsearch:rest-api-spec on Maven Central ([Fetch]; nothing is kept). A [Suite] is a
// file of them: a setup, tests and a teardown, each a list of calls and of what must hold of
// the answers. A [Runner] plays them in order and says of each test whether it passed, failed,
// with the first step that did, or was skipped by its own conditions.
package yamlrest
