// Package storagetest holds storage engines to the contract of package storage, by
// comparing them with a plain map under random operations, with and without crashes.
package storagetest
