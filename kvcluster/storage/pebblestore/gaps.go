package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// checkGaps returns storage.ErrLost if batches are missing between those in tables and the last
// one, number, in the logs. Pebble doesn't notice when the end of its manifest is gone: it
// forgets the tables that were named there, whose logs it had removed, and goes on with the
// log after. The same holds for a log that lost its end at a boundary, before another.
func checkGaps(db *pebble.DB, fs vfs.FS, dir string, number uint64) error {
	flushed, err := inTables(db)
	if err != nil || flushed >= number {
		return err
	}
	logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: dir})
	if err != nil {
		return wrap("list logs", err)
	}
	logged := make(map[uint64]bool)
	for _, l := range logs {
		if err := numbersOf(l, logged); err != nil {
			return err
		}
	}
	for i := flushed + 1; i <= number; i++ {
		if !logged[i] {
			return fmt.Errorf("%w: tables have batches up to %d, the logs go on to %d, but don't have %d", storage.ErrLost, flushed, number, i)
		}
	}
	return nil
}

// inTables is the number of the last batch that is in tables: these have all before it.
func inTables(db *pebble.DB) (number uint64, err error) {
	it, err := db.NewIter(&pebble.IterOptions{OnlyReadGuaranteedDurable: true, LowerBound: numberKey, UpperBound: storage.PrefixEnd(numberKey)})
	if err != nil {
		return 0, wrap("scan", err)
	}
	if it.First() {
		value, valueErr := it.ValueAndErr()
		number, _ = binary.Uvarint(value)
		err = valueErr
	}
	return number, wrap("scan", errors.Join(err, it.Error(), it.Close()))
}

// numbersOf notes the numbers of the batches that can be read of a log. Where reading ends, it
// does for pebble, which judges whether that may be.
func numbersOf(l wal.LogicalLog, into map[uint64]bool) error {
	r := l.OpenForRead()
	for {
		record, _, err := r.NextRecord()
		if err != nil {
			return r.Close()
		}
		buf, err := io.ReadAll(record)
		if err != nil {
			return r.Close()
		}
		if len(buf) < batchrepr.HeaderLen {
			continue
		}
		for ops := batchrepr.Read(buf); ; {
			_, key, value, ok, err := ops.Next()
			if !ok || err != nil {
				break
			}
			if bytes.Equal(key, numberKey) {
				number, _ := binary.Uvarint(value)
				into[number] = true
			}
		}
	}
}
