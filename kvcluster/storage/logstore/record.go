package logstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// A record is its length and the CRC-32C of the payload, 4 bytes each, little endian;
// then the payload: as varint, up to which offset the log was durable, then the
// operations, each with kind, key and value.
const recordHeader = 8

// complete is the kind of operation that says that the content is complete.
const complete storage.OpKind = 0xff

const maxRecord = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(buf []byte, durable int64, ops []storage.Op) ([]byte, error) {
	start := len(buf)
	buf = append(buf, make([]byte, recordHeader)...)
	buf = binary.AppendUvarint(buf, uint64(durable))
	for _, op := range ops {
		buf = append(buf, byte(op.Kind))
		buf = binary.AppendUvarint(buf, uint64(len(op.Key)))
		buf = append(buf, op.Key...)
		buf = binary.AppendUvarint(buf, uint64(len(op.Value)))
		buf = append(buf, op.Value...)
	}
	payload := buf[start+recordHeader:]
	if len(payload) > maxRecord {
		return buf[:start], fmt.Errorf("logstore: batch of %d bytes, at most %d", len(payload), maxRecord)
	}
	binary.LittleEndian.PutUint32(buf[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(buf[start+4:], crc32.Checksum(payload, castagnoli))
	return buf, nil
}

type record struct {
	durable int64
	ops     []storage.Op
	size    int64 // with header
}

// parse reads the record at the front of buf. It reports false if there is no intact
// one.
func parse(buf []byte) (record, bool) {
	if len(buf) < recordHeader {
		return record{}, false
	}
	n := int64(binary.LittleEndian.Uint32(buf))
	if n == 0 || n > maxRecord || n > int64(len(buf)-recordHeader) {
		return record{}, false
	}
	payload := buf[recordHeader : recordHeader+n]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(buf[4:]) {
		return record{}, false
	}
	durable, at := binary.Uvarint(payload)
	if at <= 0 {
		return record{}, false
	}
	r := record{durable: int64(durable), size: recordHeader + n}
	for payload = payload[at:]; len(payload) > 0; {
		op := storage.Op{Kind: storage.OpKind(payload[0])}
		var ok bool
		if op.Key, payload, ok = field(payload[1:]); !ok {
			return record{}, false
		}
		if op.Value, payload, ok = field(payload); !ok {
			return record{}, false
		}
		r.ops = append(r.ops, op)
	}
	return r, true
}

func field(buf []byte) (value, rest []byte, ok bool) {
	n, at := binary.Uvarint(buf)
	if at <= 0 || n > uint64(len(buf)-at) {
		return nil, nil, false
	}
	end := at + int(n)
	return append([]byte{}, buf[at:end]...), buf[end:], true
}

// checkTail decides about what follows the last intact record before offset at: an
// error if something behind it testifies that it was durable.
func checkTail(name string, data []byte, at int64) error {
	for i := at + 1; i+recordHeader < int64(len(data)); {
		r, ok := parse(data[i:])
		if !ok {
			i++
			continue
		}
		if r.durable > at {
			return fmt.Errorf("logstore: %s, offset %d: the record at %d says that it was durable up to %d: %w",
				name, at, i, r.durable, storage.ErrCorrupt)
		}
		i += r.size
	}
	return nil
}
