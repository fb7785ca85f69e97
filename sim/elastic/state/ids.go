package state

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
)

// NewID is a random 128-bit id of 22 characters, as Elasticsearch's UUIDs.
func NewID(r *rand.Rand) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// NewDocID is an id of 20 characters for a document that has none
// (TimeBasedUUIDGenerator's length).
func NewDocID(r *rand.Rand) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	return base64.RawURLEncoding.EncodeToString(b[:15])
}
