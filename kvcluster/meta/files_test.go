package meta_test

import (
	"errors"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// files is a disk in memory that forgets in a crash what wasn't synced.
type files struct {
	data, durable map[string][]byte
	room          int // bytes; 0 is no limit
}

func newFiles() *files {
	return &files{data: make(map[string][]byte), durable: make(map[string][]byte)}
}

func (f *files) used() (n int) {
	for _, d := range f.data {
		n += len(d)
	}
	return n
}

func (f *files) crash() { f.data = maps.Clone(f.durable) }

func (f *files) Create(name string) (storage.File, error) {
	f.data[name] = nil
	return file{f, name}, nil
}

func (f *files) Open(name string) (storage.File, error) {
	if _, ok := f.data[name]; !ok {
		return nil, errors.New("no such file")
	}
	return file{f, name}, nil
}

func (f *files) List() ([]string, error) { return slices.Sorted(maps.Keys(f.data)), nil }

func (f *files) Remove(name string) error {
	delete(f.data, name)
	delete(f.durable, name)
	return nil
}

type file struct {
	f    *files
	name string
}

func (x file) Append(p []byte) error {
	if x.f.room > 0 && x.f.used()+len(p) > x.f.room {
		return storage.ErrFull
	}
	x.f.data[x.name] = append(slices.Clip(x.f.data[x.name]), p...)
	return nil
}

func (x file) ReadAll() ([]byte, error) { return slices.Clone(x.f.data[x.name]), nil }

func (x file) Truncate(size int64) error {
	x.f.data[x.name] = x.f.data[x.name][:size:size]
	return x.Sync()
}

func (x file) Sync() error {
	x.f.durable[x.name] = x.f.data[x.name]
	return nil
}

func (x file) Close() error { return nil }
