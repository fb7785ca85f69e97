package consistency

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/shardquake/shardquake/controller"
)

// fingerprint identifies the state of a document: its id, the operation that wrote
// it, and its source. 128 bits of SHA-256.
type fingerprint [2]uint64

func fingerprintOf(d controller.ScannedDocument) fingerprint {
	h := sha256.New()
	var n [8]byte
	part := func(v uint64) {
		binary.BigEndian.PutUint64(n[:], v)
		_, _ = h.Write(n[:]) // a hash never fails
	}
	part(uint64(len(d.ID)))
	_, _ = h.Write([]byte(d.ID))
	part(uint64(d.SeqNo))
	part(uint64(d.PrimaryTerm))
	_, _ = h.Write(d.Source)
	sum := h.Sum(nil)
	return fingerprint{binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}
}

// buckets of a digest: a difference between two copies is narrowed down to some of
// them, so that only the documents in there need to be remembered.
const buckets = 256

// digest sums up the content of a copy. It doesn't depend on the order of documents,
// which differs between copies. Sums, unlike exclusive ors, notice a document that is
// there twice.
type digest struct {
	count int64
	sums  [buckets]fingerprint
}

func (d *digest) add(id string, f fingerprint) {
	d.count++
	b := &d.sums[bucketOf(id)]
	b[0] += f[0]
	b[1] += f[1]
}

// bucketOf is the bucket of a document id: FNV-1a, folded.
func bucketOf(id string) int {
	h := uint32(2166136261)
	for i := 0; i < len(id); i++ {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return int((h ^ h>>16 ^ h>>8) % buckets)
}

// differing marks the buckets in which two digests differ.
func (d *digest) differing(o *digest, into *[buckets]bool) (any bool) {
	for i := range d.sums {
		if d.sums[i] != o.sums[i] {
			into[i], any = true, true
		}
	}
	return any
}

// String is one number over all buckets.
func (d *digest) String() string {
	h := sha256.New()
	for _, s := range d.sums {
		var n [16]byte
		binary.BigEndian.PutUint64(n[:8], s[0])
		binary.BigEndian.PutUint64(n[8:], s[1])
		_, _ = h.Write(n[:]) // a hash never fails
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}
