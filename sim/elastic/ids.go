package elastic

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
)

// newID is a random 128-bit id of 22 characters, as Elasticsearch's UUIDs.
func newID(r *rand.Rand) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newDocID is an id of 20 characters for a document that has none
// (TimeBasedUUIDGenerator's length).
func newDocID(r *rand.Rand) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	return base64.RawURLEncoding.EncodeToString(b[:15])
}
