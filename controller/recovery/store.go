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
