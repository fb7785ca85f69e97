// Package wire reads and writes HTTP/1 as a node of Elasticsearch does.
//
// What package http of the standard library refuses on its own, in its own words, a node takes or
// refuses in other words, under other limits (http.max_initial_line_length, http.max_header_size,
// http.max_content_length): a request without a host, any path, a line that is no request. This
// package follows the node, by what nodes of 8.19.0 were seen to answer. It leaves out answers in
// chunks: each has its length.
package wire
