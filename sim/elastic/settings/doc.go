// Package settings holds Elasticsearch settings: flat, immutable maps of strings
// and the typed definitions (key, default, bounds, scope) that read and validate
// them, with the messages of Elasticsearch 8.19.0 for what is wrong.
//
// Definitions stand in files by concern (allocation.go, recovery.go, …). A
// definition is made once, at package initialisation, and enters the table that
// answers "is this a setting?" and "what is its default?".
package settings
