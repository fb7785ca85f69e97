// Package importer makes a cluster file of what an operator has: the answers of
// Elasticsearch's API as files, a support-diagnostics bundle, or a running cluster.
//
// It works in three steps. A source is walked ([archive.go], [live.go]): it hands over
// named streams, bounded in size and number, and never writes anything to disk. Each
// stream is recognised by what stands in it, not by its name, and read token by token into
// a snapshot ([sniff.go], parse_*.go); what can't be read is noted with the source and the
// rest goes on. The snapshots, one for each bundle or answer, are then put together
// (assemble_*.go): the newest overrules the older ones, what it lacks comes from them, what
// nobody tells is assumed and said to be.
//
// Memory: a state is streamed index by index; what is kept is in proportion to nodes,
// indices and copies, about 600 bytes a copy, whatever mappings and statistics surround
// them.
package importer
