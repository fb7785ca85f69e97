// Package documents holds the REST endpoints that write, read and search documents.
package documents
