// Package store is a shard copy on a disk: the files of its last commit and what came since,
// its documents and operations with their sequence numbers, its retention leases, and what
// is wrong with any of it. A store outlives the process that has it open.
//
// What comes through the API is a real document. Beside it flows load that is only counted
// ([Background]): it is evaluated when somebody looks.
package store
