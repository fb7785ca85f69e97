package storagetest

import (
	"errors"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// Files is a disk in memory that forgets in a crash what wasn't synced.
type Files struct {
	// Room is how many bytes there may be; 0 is no limit.
	Room int

	data, durable map[string][]byte
}

var _ storage.FS = (*Files)(nil)

// NewFiles makes an empty disk.
func NewFiles() *Files {
	return &Files{data: make(map[string][]byte), durable: make(map[string][]byte)}
}

// Used is how many bytes there are.
func (f *Files) Used() (n int) {
	for _, d := range f.data {
		n += len(d)
	}
	return n
}

// Crash forgets what wasn't synced.
func (f *Files) Crash() { f.data = maps.Clone(f.durable) }

// Create implements storage.FS.
func (f *Files) Create(name string) (storage.File, error) {
	f.data[name] = nil
	return file{f, name}, nil
}

// Open implements storage.FS.
func (f *Files) Open(name string) (storage.File, error) {
	if _, ok := f.data[name]; !ok {
		return nil, errors.New("no such file")
	}
	return file{f, name}, nil
}

// List implements storage.FS.
func (f *Files) List() ([]string, error) { return slices.Sorted(maps.Keys(f.data)), nil }

// Remove implements storage.FS. It is durable at once.
func (f *Files) Remove(name string) error {
	delete(f.data, name)
	delete(f.durable, name)
	return nil
}

type file struct {
	f    *Files
	name string
}

func (x file) Append(p []byte) error {
	if x.f.Room > 0 && x.f.Used()+len(p) > x.f.Room {
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

// Contents are the files as they are now.
func (f *Files) Contents() map[string][]byte {
	out := make(map[string][]byte)
	for name, data := range f.data {
		out[name] = slices.Clone(data)
	}
	return out
}

// Replace makes a file another one, durably.
func (f *Files) Replace(name string, data []byte) { f.data[name], f.durable[name] = data, data }
