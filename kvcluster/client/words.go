package client

import "github.com/shardquake/shardquake/kvcluster/wire"

// Level is how many copies must take part in an operation; package kvcluster says what each
// guarantees.
type Level = wire.Level

// The levels.
const (
	One    = wire.One
	Quorum = wire.Quorum
	All    = wire.All
)

// Op is one change of a batch, made by PutOp or DeleteOp.
type Op = wire.Op

// Item is a key with its value and version, as a scan returns it.
type Item = wire.Item

// PutOp stores a value.
func PutOp(key string, value []byte) Op { return Op{Kind: wire.Put, Key: key, Value: value} }

// DeleteOp removes a key.
func DeleteOp(key string) Op { return Op{Kind: wire.Delete, Key: key} }
