package tail

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// Record is a batch as it stands in a log or a tail: its length and the CRC-32C of the
// payload, 4 bytes each, little endian; then the payload: as varints its number, its
// generation and up to which number everything was durable, then the operations, each
// with kind, key and value.
type Record struct {
	// Number counts the batches of an engine since it was made.
	Number uint64
	// Generation counts the openings of the engine.
	Generation uint64
	// Durable is the number up to which everything was durable when this was written.
	Durable uint64
	Ops     []storage.Op
	// Size is how many bytes it takes; set by Parse.
	Size int64
}

// headerSize is what stands before the payload; MaxRecord bounds that.
const (
	headerSize = 8
	MaxRecord  = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append adds a record to buf.
func Append(buf []byte, r *Record) ([]byte, error) {
	start := len(buf)
	room := headerSize + 3*binary.MaxVarintLen64
	for _, op := range r.Ops {
		room += 1 + 2*binary.MaxVarintLen32 + len(op.Key) + len(op.Value)
	}
	buf = slices.Grow(buf, room)
	buf = append(buf, make([]byte, headerSize)...)
	for _, v := range []uint64{r.Number, r.Generation, r.Durable} {
		buf = binary.AppendUvarint(buf, v)
	}
	for _, op := range r.Ops {
		buf = append(buf, byte(op.Kind))
		buf = binary.AppendUvarint(buf, uint64(len(op.Key)))
		buf = append(buf, op.Key...)
		buf = binary.AppendUvarint(buf, uint64(len(op.Value)))
		buf = append(buf, op.Value...)
	}
	payload := buf[start+headerSize:]
	if len(payload) > MaxRecord {
		return buf[:start], fmt.Errorf("storage: batch of %d bytes, at most %d", len(payload), MaxRecord)
	}
	binary.LittleEndian.PutUint32(buf[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(buf[start+4:], crc32.Checksum(payload, castagnoli))
	return buf, nil
}

// Parse reads the record at the front of buf. It reports false if there is no intact one.
func Parse(buf []byte) (Record, bool) {
	payload, ok := intact(buf)
	if !ok {
		return Record{}, false
	}
	r := Record{Size: headerSize + int64(len(payload))}
	for _, v := range []*uint64{&r.Number, &r.Generation, &r.Durable} {
		x, n := binary.Uvarint(payload)
		if n <= 0 {
			return Record{}, false
		}
		*v, payload = x, payload[n:]
	}
	for len(payload) > 0 {
		op := storage.Op{Kind: storage.OpKind(payload[0])}
		if op.Key, payload, ok = field(payload[1:]); !ok {
			return Record{}, false
		}
		if op.Value, payload, ok = field(payload); !ok {
			return Record{}, false
		}
		r.Ops = append(r.Ops, op)
	}
	return r, true
}

// intact is the payload at the front of buf, if it matches its checksum.
func intact(buf []byte) ([]byte, bool) {
	if len(buf) < headerSize {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(buf))
	if n == 0 || n > MaxRecord || n > int64(len(buf)-headerSize) {
		return nil, false
	}
	payload := buf[headerSize : headerSize+n]
	return payload, crc32.Checksum(payload, castagnoli) == binary.LittleEndian.Uint32(buf[4:])
}

func field(buf []byte) (value, rest []byte, ok bool) {
	n, at := binary.Uvarint(buf)
	if at <= 0 || n > uint64(len(buf)-at) {
		return nil, nil, false
	}
	end := at + int(n)
	return append([]byte{}, buf[at:end]...), buf[end:], true
}

// Scan calls f for every intact record in data, whatever stands between them.
func Scan(data []byte, f func(Record)) {
	for i := int64(0); i+headerSize < int64(len(data)); {
		r, ok := Parse(data[i:])
		if !ok {
			i++
			continue
		}
		f(r)
		i += r.Size
	}
}
