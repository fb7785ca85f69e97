//determinism:realtime looks every now and then how full a directory is

package pebblestore

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// usageEvery is how often the size of a limited directory is looked up.
const usageEvery = 50 * time.Millisecond

// Limit makes a disk of a directory of the machine: everything in it together may take so
// many bytes; what would exceed them fails with ENOSPC. Files that others put there count
// too.
func Limit(dir string, bytes int64) vfs.FS {
	return &limitFS{FS: vfs.Default, dir: dir, limit: bytes}
}

type limitFS struct {
	vfs.FS
	dir   string
	limit int64

	mu     sync.Mutex
	used   int64 // at looked, and what was written since
	looked time.Time
}

// usage is how many bytes are in use.
func (l *limitFS) usage() (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lookup()
}

func (l *limitFS) lookup() (int64, error) {
	if now := time.Now(); now.Sub(l.looked) >= usageEvery {
		used, err := DirectorySize(l.dir)
		if err != nil {
			return 0, err
		}
		l.used, l.looked = used, now
	}
	return l.used, nil
}

// DirectorySize is how many bytes the files of a directory and below it have.
func DirectorySize(dir string) (int64, error) {
	var used int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // removed meanwhile, or not made yet
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		used += info.Size()
		return nil
	})
	return used, err
}

// GetDiskUsage implements vfs.FS.
func (l *limitFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	used, err := l.usage()
	if err != nil {
		return vfs.DiskUsage{}, err
	}
	return vfs.DiskUsage{AvailBytes: uint64(max(0, l.limit-used)), TotalBytes: uint64(l.limit), UsedBytes: uint64(used)}, nil
}

// take takes bytes from what is left.
func (l *limitFS) take(bytes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	used, err := l.lookup()
	if err != nil {
		return err
	}
	if used+int64(bytes) > l.limit {
		return &os.PathError{Op: "write", Path: l.dir, Err: syscall.ENOSPC}
	}
	l.used += int64(bytes)
	return nil
}

func (l *limitFS) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &limitFile{File: f, fs: l}, nil
}

// Create implements vfs.FS.
func (l *limitFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return l.file(l.FS.Create(name, c))
}

// OpenReadWrite implements vfs.FS.
func (l *limitFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return l.file(l.FS.OpenReadWrite(name, c, opts...))
}

// ReuseForWrite implements vfs.FS.
func (l *limitFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return l.file(l.FS.ReuseForWrite(old, name, c))
}

// Unwrap implements vfs.FS.
func (l *limitFS) Unwrap() vfs.FS { return l.FS }

// limitFile counts what is written. What overwrites an old file's content is counted
// until the next look.
type limitFile struct {
	vfs.File
	fs *limitFS
}

func (f *limitFile) Write(p []byte) (int, error) {
	if err := f.fs.take(len(p)); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *limitFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.fs.take(len(p)); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, at)
}
