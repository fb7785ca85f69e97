package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/tail"
)

// Store is the engine. It is safe for use by several processes at once.
type Store struct {
	db      *pebble.DB
	fs      vfs.FS
	dir     string
	reserve uint64
	closed  bool
	slots   *slots

	mu      sync.Mutex // of what Apply changes
	tail    *tail.Tail
	batches uint64 // that were applied since the database was made
	mended  uint64
	failed  error
	durable atomic.Uint64 // batches of which Sync has returned
}

var _ storage.Engine = (*Store)(nil)

// Config configures a Store. Zero fields stand for the defaults.
type Config struct {
	FS vfs.FS // the machine's
	// MemTableBytes is how much is kept in memory before it is written to a table;
	// pebble's default, 4 MiB.
	MemTableBytes uint64
	// Reserve is how many bytes of the disk are left for vital batches and for what pebble
	// does on its own account: others are refused with storage.ErrFull, those that free room
	// or mend when only half of it is left. When there is
	// nothing left at all, pebble can't go on and ends the process. 0: everything may be
	// used.
	Reserve uint64
	// TailBytes is how much of the log's end is kept a second time, at least; 1 MiB.
	TailBytes int64
}

// numberKey is where every batch leaves its number and generation (package tail). It is
// hidden from whoever reads.
var numberKey = []byte{0, 0, '#'}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}

// Fatalf is called by pebble when it can't go on, and must not return.
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Errorf("pebblestore: "+format, args...))
}

// Open opens the database in a directory, or makes one.
func Open(dir string, cfg Config) (*Store, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.TailBytes == 0 {
		cfg.TailBytes = 1 << 20
	}
	if err := check(dir, cfg); err != nil {
		return nil, err
	}
	db, err := open(dir, cfg, false)
	if err != nil {
		return nil, wrap("open", err)
	}
	s := &Store{db: db, fs: cfg.FS, dir: dir, reserve: cfg.Reserve, slots: &slots{fs: cfg.FS, dir: dir, size: cfg.TailBytes}}
	if err := s.recover(cfg.TailBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("pebblestore: %s: %w", dir, err), s.slots.close(), db.Close())
	}
	return s, nil
}

func open(dir string, cfg Config, readOnly bool) (*pebble.DB, error) {
	return pebble.Open(dir, &pebble.Options{FS: cfg.FS, MemTableSize: cfg.MemTableBytes, Logger: silent{}, ReadOnly: readOnly,
		// Pebble would end the process when a compaction meets corrupt data, over and over. What
		// matters is that reads return ErrCorrupt: then it is dropped and fetched anew.
		EventListener:      &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}},
		FormatMajorVersion: pebble.FormatNewest})
}

// check returns an error if the database has lost something, before it is opened for
// writing: opening makes tables of what can be read of the log, and removes that.
func check(dir string, cfg Config) error {
	if desc, err := pebble.Peek(dir, cfg.FS); err != nil || !desc.Exists {
		return nil // nothing is lost, or opening will say what
	}
	db, err := open(dir, cfg, true)
	var system syscall.Errno
	switch {
	case err == nil:
	case pebble.IsCorruptionError(err) || errors.As(err, &system) && system != syscall.ENOENT:
		return wrap("open", err)
	default: // there is a database, and its files don't make sense, or aren't there
		return fmt.Errorf("pebblestore: open %s: %w: %w", dir, storage.ErrCorrupt, err)
	}
	s := &Store{db: db, slots: &slots{fs: cfg.FS, dir: dir}}
	at, err := s.position()
	if err == nil {
		_, err = tail.Recover(s.slots, at)
	}
	if err == nil {
		err = checkGaps(db, cfg.FS, dir, at.Number)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("pebblestore: %s: %w", dir, err)
	}
	return nil
}

// recover adds what the tail has beyond pebble's log, and begins to write it.
func (s *Store) recover(size int64) error {
	at, err := s.position()
	if err != nil {
		return err
	}
	found, err := tail.Recover(s.slots, at)
	if err != nil {
		return err
	}
	s.batches, s.mended = at.Number, uint64(len(found.Batches))
	for _, ops := range found.Batches {
		if err := s.commit(ops, found.Generation); err != nil {
			return err
		}
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return wrap("sync", err)
	}
	s.durable.Store(s.batches)
	s.tail, err = tail.Begin(s.slots, found, size)
	return err
}

// position is where the database stands.
func (s *Store) position() (at tail.Position, err error) {
	buf, found, err := get(s.db, numberKey)
	if err != nil || !found {
		return at, err
	}
	var n int
	if at.Number, n = binary.Uvarint(buf); n > 0 {
		at.Generation, n = binary.Uvarint(buf[n:])
	}
	if n <= 0 {
		return at, fmt.Errorf("the number of the last batch: %w", storage.ErrCorrupt)
	}
	return at, nil
}

// Mended is how many batches the log had lost and its tail gave back at the opening.
func (s *Store) Mended() uint64 { return s.mended }

// Durable implements storage.Engine.
func (s *Store) Durable() uint64 { return s.durable.Load() }

// room returns storage.ErrFull when a batch would eat into the reserve.
func (s *Store) room(b *storage.Batch) error {
	if s.reserve == 0 || b.Vital {
		return nil
	}
	size := uint64(0)
	for _, op := range b.Ops {
		if op.Kind == storage.Put {
			size += uint64(len(op.Key) + len(op.Value))
		}
	}
	if size == 0 {
		return nil // it makes room, in the end
	}
	u, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return wrap("disk usage", err)
	}
	reserve := s.reserve
	if b.Frees {
		reserve /= 2
	}
	if u.AvailBytes < reserve+size {
		return fmt.Errorf("pebblestore: %s: %d bytes left, %d of them in reserve: %w", s.dir, u.AvailBytes, s.reserve, storage.ErrFull)
	}
	return nil
}

func wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("pebblestore: %s: %w: %w", what, storage.ErrCorrupt, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("pebblestore: %s: %w: %w", what, storage.ErrFull, err)
	case errors.Is(err, pebble.ErrClosed):
		return fmt.Errorf("pebblestore: %s: %w", what, storage.ErrClosed)
	}
	return fmt.Errorf("pebblestore: %s: %w", what, err)
}

// Apply implements storage.Engine.
func (s *Store) Apply(b *storage.Batch) error {
	if s.closed {
		return storage.ErrClosed
	}
	if err := s.room(b); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if err := s.tail.Append(s.batches+1, s.durable.Load(), b.Ops); err != nil {
		return wrap("apply", err)
	}
	if err := s.commit(b.Ops, s.tail.Generation()); err != nil {
		s.failed = errors.Join(storage.ErrClosed, err) // the tail has what the log hasn't
		return err
	}
	return nil
}

// commit adds a batch to the database, with its number.
func (s *Store) commit(ops []storage.Op, generation uint64) error {
	batch := s.db.NewBatch()
	for _, op := range ops {
		var err error
		switch op.Kind {
		case storage.Put:
			err = batch.Set(op.Key, op.Value, nil)
		case storage.Delete:
			err = batch.Delete(op.Key, nil)
		case storage.DeleteRange:
			err = batch.DeleteRange(op.Key, op.Value, nil)
		default:
			err = fmt.Errorf("no such operation: %d", op.Kind)
		}
		if err != nil {
			return errors.Join(wrap("batch", err), batch.Close())
		}
	}
	number := binary.AppendUvarint(binary.AppendUvarint(nil, s.batches+1), generation)
	if err := batch.Set(numberKey, number, nil); err != nil {
		return errors.Join(wrap("batch", err), batch.Close())
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return wrap("apply", err)
	}
	s.batches++
	return nil
}

// Get implements storage.Reader.
func (s *Store) Get(key []byte) ([]byte, bool, error) {
	if s.closed {
		return nil, false, storage.ErrClosed
	}
	return get(s.db, key)
}

// Scan implements storage.Reader.
func (s *Store) Scan(start, end []byte, f func(key, value []byte) bool) error {
	if s.closed {
		return storage.ErrClosed
	}
	return scan(s.db, start, end, f)
}

// Snapshot implements storage.Engine.
func (s *Store) Snapshot() (storage.Snapshot, error) {
	if s.closed {
		return nil, storage.ErrClosed
	}
	return snapshot{s.db.NewSnapshot()}, nil
}

// Close implements storage.Engine. Snapshots must have been closed.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	err := s.Sync()
	s.closed = true
	return errors.Join(err, s.slots.close(), wrap("close", s.db.Close()))
}

type snapshot struct{ s *pebble.Snapshot }

func (v snapshot) Get(key []byte) ([]byte, bool, error) { return get(v.s, key) }

func (v snapshot) Scan(start, end []byte, f func(key, value []byte) bool) error {
	return scan(v.s, start, end, f)
}

func (v snapshot) Close() error { return wrap("close", v.s.Close()) }

func get(r pebble.Reader, key []byte) ([]byte, bool, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, wrap("get", err)
	}
	value := append([]byte{}, v...)
	return value, true, wrap("get", closer.Close())
}

func scan(r pebble.Reader, start, end []byte, f func(key, value []byte) bool) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return wrap("scan", err)
	}
	defer func() { err = errors.Join(err, wrap("scan", it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return wrap("scan", err)
		}
		if bytes.Equal(it.Key(), numberKey) {
			continue
		}
		if !f(it.Key(), v) {
			return nil
		}
	}
	return wrap("scan", it.Error())
}
