//determinism:realtime syncs two files at once

package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// slots are the files of a store's tail: made once, of a size that only a burst between two syncs exceeds, and overwritten in turn,
// so that a sync of them changes no directory and a full disk has room for them.
type slots struct {
	fs   vfs.FS
	dir  string
	size int64

	mu    sync.Mutex // of what follows; syncs come from another goroutine than appends
	files [2]vfs.File
	dirty [2]bool
	slot  int
	at    int64
}

func (s *slots) name(slot int) string { return s.fs.PathJoin(s.dir, fmt.Sprint("tail-", slot)) }

// Read implements tail.Slots.
func (s *slots) Read(slot int) ([]byte, error) {
	f, err := s.fs.Open(s.name(slot))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

// Begin implements tail.Slots. Both files are durable before the first is begun: what a killed
// process has left may be in the system's memory only, and is about to be all that testifies to
// what was durable.
func (s *slots) Begin(slot int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.files {
		if s.files[i] != nil {
			continue
		}
		f, err := s.open(i)
		if err != nil {
			return err
		}
		s.files[i] = f
	}
	s.slot, s.at = slot, 0
	return nil
}

// open opens a file, makes it if it isn't there, and makes durable what it has.
func (s *slots) open(slot int) (vfs.File, error) {
	f, err := s.fs.OpenReadWrite(s.name(slot), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	dir, err := s.fs.OpenDir(s.dir)
	if err == nil {
		err = errors.Join(f.Preallocate(0, s.size), f.Sync(), dir.Sync(), dir.Close())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Append implements tail.Slots.
func (s *slots) Append(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.files[s.slot].WriteAt(p, s.at); err != nil {
		return err
	}
	s.at += int64(len(p))
	s.dirty[s.slot] = true
	return nil
}

// sync makes durable what was appended before it.
func (s *slots) sync() (err error) {
	s.mu.Lock()
	files := s.files
	for i := range files {
		if !s.dirty[i] {
			files[i] = nil
		}
		s.dirty[i] = false
	}
	s.mu.Unlock()
	for _, f := range files {
		if f != nil {
			err = errors.Join(err, f.SyncData())
		}
	}
	return err
}

func (s *slots) close() (err error) {
	for i, f := range s.files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		s.files[i] = nil
	}
	return err
}

// Sync implements storage.Engine: an empty synced record after all others, and the tail at
// the same time.
func (s *Store) Sync() error {
	if s.closed {
		return storage.ErrClosed
	}
	s.mu.Lock()
	number := s.batches
	s.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- s.slots.sync() }()
	err := errors.Join(wrap("sync", s.db.LogData(nil, pebble.Sync)), wrap("sync", <-done))
	if err == nil {
		s.durable.Store(max(s.durable.Load(), number))
	}
	return err
}
