package pebblestore

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// Store is the engine. It is safe for use by several processes at once.
type Store struct {
	db      *pebble.DB
	fs      vfs.FS
	dir     string
	reserve uint64
	closed  bool
}

var _ storage.Engine = (*Store)(nil)

// Config configures a Store. Zero fields stand for the defaults.
type Config struct {
	FS vfs.FS // the machine's
	// MemTableBytes is how much is kept in memory before it is written to a table;
	// pebble's default, 4 MiB.
	MemTableBytes uint64
	// Reserve is how many bytes of the disk are left for vital batches and for what pebble
	// does on its own account: others are refused with storage.ErrFull. When there is
	// nothing left at all, pebble can't go on and ends the process. 0: everything may be
	// used.
	Reserve uint64
}

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
	db, err := pebble.Open(dir, &pebble.Options{FS: cfg.FS, MemTableSize: cfg.MemTableBytes, Logger: silent{},
		// Pebble would end the process when a compaction meets corrupt data, over and over. What
		// matters is that reads return ErrCorrupt: then it is dropped and fetched anew.
		EventListener:      &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}},
		FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		return nil, wrap("open", err)
	}
	return &Store{db: db, fs: cfg.FS, dir: dir, reserve: cfg.Reserve}, nil
}

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
	if u.AvailBytes < s.reserve+size {
		return fmt.Errorf("pebblestore: %d bytes left, %d of them in reserve: %w", u.AvailBytes, s.reserve, storage.ErrFull)
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
	batch := s.db.NewBatch()
	for _, op := range b.Ops {
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
	return wrap("apply", batch.Commit(pebble.NoSync))
}

// Sync implements storage.Engine: an empty synced record after all others.
func (s *Store) Sync() error {
	if s.closed {
		return storage.ErrClosed
	}
	return wrap("sync", s.db.LogData(nil, pebble.Sync))
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
	return errors.Join(err, wrap("close", s.db.Close()))
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
		if !f(it.Key(), v) {
			return nil
		}
	}
	return wrap("scan", it.Error())
}
