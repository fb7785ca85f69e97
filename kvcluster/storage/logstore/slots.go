package logstore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// slots are the files of a store's tail.
type slots struct {
	fs    storage.FS
	files [2]storage.File
	slot  int
	size  int64 // of the present one
}

func slotName(slot int) string { return fmt.Sprint("tail-", slot) }

// Read implements tail.Slots.
func (s *slots) Read(slot int) ([]byte, error) {
	names, err := s.fs.List()
	if err != nil || !slices.Contains(names, slotName(slot)) {
		return nil, err
	}
	f, err := s.fs.Open(slotName(slot))
	if err != nil {
		return nil, err
	}
	data, err := f.ReadAll()
	// What a killed process has left may be in the system's memory only, and is about to be
	// all that testifies to what was durable.
	return data, errors.Join(err, f.Sync(), f.Close())
}

// Begin implements tail.Slots.
func (s *slots) Begin(slot int) error {
	if old := s.files[slot]; old != nil {
		if err := old.Close(); err != nil {
			return err
		}
	}
	f, err := s.fs.Create(slotName(slot))
	if err != nil {
		return err
	}
	s.files[slot], s.slot, s.size = f, slot, 0
	return nil
}

// Append implements tail.Slots.
func (s *slots) Append(p []byte) error {
	f := s.files[s.slot]
	err := f.Append(p)
	if err == nil {
		s.size += int64(len(p))
		return nil
	}
	if errors.Is(err, storage.ErrFull) {
		err = errors.Join(err, f.Truncate(s.size))
	}
	return err
}

// each does something with the files that were written to.
func (s *slots) each(f func(storage.File) error) (err error) {
	for _, file := range s.files {
		if file != nil {
			err = errors.Join(err, f(file))
		}
	}
	return err
}

func (s *slots) sync() error  { return s.each(storage.File.Sync) }
func (s *slots) close() error { return s.each(storage.File.Close) }
