// Package publicapi finds types of internal packages in what other modules may use: a
// signature, a field or a method with such a type can't be used by them, as they can't
// name it. A type that a public package gives a name of its own, by an alias, is no such.
package publicapi
