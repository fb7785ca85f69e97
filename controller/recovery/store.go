package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Store keeps the history where it survives the controller.
type Store interface {
	// Load returns what was saved last, nothing when nothing was.
	Load() ([]byte, error)
	// Save replaces it. After an error the old content is still there.
	Save(data []byte) error
}

// Aside is a store that can keep what nobody can read out of the way of what is saved
// next, for a person to look at.
type Aside interface {
	// SetAside returns where it is kept.
	SetAside() (where string, err error)
}

// MemoryStore keeps the history in memory, for as long as its owner keeps it.
type MemoryStore struct {
	mu   sync.Mutex
	data []byte
}

// Load implements [Store].
func (s *MemoryStore) Load() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.data), nil
}

// Save implements [Store].
func (s *MemoryStore) Save(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = slices.Clone(data)
	return nil
}

// FileStore keeps the history in a file.
type FileStore struct{ Path string }

// maxHistory bounds what is read back, in bytes.
const maxHistory = 64 << 20

// Load implements [Store].
func (s FileStore) Load() ([]byte, error) {
	info, err := os.Stat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fault history: %w", err)
	}
	if info.Size() > maxHistory {
		return nil, fmt.Errorf("fault history: %s has %d bytes, more than %d", s.Path, info.Size(), maxHistory)
	}
	return os.ReadFile(s.Path)
}

// Check finds out whether the history could be saved, before there is one to save.
func (s FileStore) Check() error {
	f, err := os.CreateTemp(filepath.Dir(s.Path), ".history-*")
	if err != nil {
		return fmt.Errorf("fault history %s: %w", s.Path, err)
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	if info, statErr := os.Stat(s.Path); statErr == nil && !info.Mode().IsRegular() {
		err = errors.Join(err, errors.New("not a regular file"))
	}
	if err != nil {
		return fmt.Errorf("fault history %s: %w", s.Path, err)
	}
	return nil
}

// SetAside implements [Aside]: the file is renamed, and a new one begun.
func (s FileStore) SetAside() (string, error) {
	kept := s.Path + ".unreadable"
	for n := 2; ; n++ {
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			break
		}
		kept = fmt.Sprintf("%s.unreadable-%d", s.Path, n)
	}
	if err := os.Rename(s.Path, kept); err != nil {
		return "", fmt.Errorf("fault history: %w", err)
	}
	return kept, nil
}

// Save implements [Store]: the new content is complete on disk before it takes the
// old one's place.
func (s FileStore) Save(data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(s.Path), ".history-*")
	if err != nil {
		return fmt.Errorf("fault history: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.Path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("fault history: %w", err), os.Remove(f.Name()))
	}
	return nil
}
