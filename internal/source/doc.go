// Package source reads YAML files strictly: a misspelt key, a wrong unit or a value
// that makes no sense is an error with file, line, column, an excerpt and the
// nearest valid name, and all of a file's errors are reported together where that is
// possible.
package source
