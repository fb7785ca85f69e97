package api

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an Elasticsearch exception as the REST API shows it.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Type is the exception's name, such as "index_not_found_exception".
	Type   string
	Reason string
	// Fields stand after type and reason in the body (index, shard, resource.id…), in this order.
	Fields []Field
	// Headers of the HTTP answer, in order.
	Headers []Field
	// RootCause lists the root causes; nil means the error itself.
	RootCause []*Error
	CausedBy  *Error
}

// Field is a named value of an answer's body, where order matters.
type Field struct {
	Name  string
	Value any
}

// Error implements error.
func (e *Error) Error() string { return e.Type + ": " + e.Reason }

// Unwrap gives the cause.
func (e *Error) Unwrap() error {
	if e.CausedBy == nil {
		return nil
	}
	return e.CausedBy
}

// AsError gives err as an [*Error]: itself when it is one, an internal "exception" otherwise.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Status: 500, Type: "exception", Reason: err.Error()}
}

// IndexNotFound is the answer to an index name that doesn't exist.
func IndexNotFound(index string) *Error {
	return &Error{
		Status: 404, Type: "index_not_found_exception",
		Reason: "no such index [" + index + "]",
		Fields: []Field{
			{"resource.type", "index_or_alias"}, {"resource.id", index},
			{"index_uuid", "_na_"}, {"index", index},
		},
	}
}

// MasterNotDiscovered is the answer of a node that found no master within the
// master timeout.
func MasterNotDiscovered() *Error {
	return &Error{Status: 503, Type: "master_not_discovered_exception"}
}

// Validation is the answer to a request that breaks a rule of the cluster.
func Validation(format string, args ...any) *Error {
	return &Error{Status: 400, Type: "validation_exception", Reason: "Validation Failed: 1: " + fmt.Sprintf(format, args...)}
}

// JavaText is an exception as unassigned_info.details shows it.
func (e *Error) JavaText() string {
	switch e.Type {
	case "corrupt_index_exception":
		return "org.apache.lucene.index.CorruptIndexException: " + e.Reason
	case "index_not_found_exception":
		return "org.apache.lucene.index.IndexNotFoundException: " + e.Reason
	case "no_such_file_exception":
		return "java.nio.file.NoSuchFileException: " + e.Reason
	}
	return e.Reason
}

// IllegalArgument is the answer to what makes no sense.
func IllegalArgument(format string, args ...any) *Error {
	return &Error{Status: 400, Type: "illegal_argument_exception", Reason: fmt.Sprintf(format, args...)}
}

const notModelled = "the simulated node does not support "

// NotModelled is the answer to what Elasticsearch has and the model has not. It says so instead
// of pretending.
func NotModelled(what string) *Error { return IllegalArgument(notModelled+"%s", what) }

// IsNotModelled reports whether an error is the model's own, and none that a node gives.
func IsNotModelled(e *Error) bool { return strings.HasPrefix(e.Reason, notModelled) }
