package pebblestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// reasonFile says in a folder that was set aside what is wrong with it.
const reasonFile = "WHY-THIS-WAS-SET-ASIDE.txt"

// SetAside renames a database's folder on the machine's disk to one beside it, with a note
// why, so that an empty one can come in its place and nothing is thrown away. It returns the
// new name.
func SetAside(dir string, why error) (string, error) {
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s-lost-%d", dir, i)
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			if err != nil {
				return "", fmt.Errorf("pebblestore: set %s aside: %w", dir, err)
			}
			continue
		}
		if err := os.Rename(dir, name); err != nil {
			return "", fmt.Errorf("pebblestore: set %s aside: %w", dir, err)
		}
		err := os.WriteFile(filepath.Join(name, reasonFile), []byte(why.Error()+"\n"), 0o600)
		if err != nil {
			return name, fmt.Errorf("pebblestore: set %s aside: %w", dir, err)
		}
		return name, nil
	}
}

// OpenOrSetAside opens the database in a directory of the machine's disk. If it has lost what
// it had synced, or can't be read, it is set aside, and an empty one is opened. Lost says
// so, and goes on saying so while the folder that was set aside is there.
func OpenOrSetAside(dir string, cfg Config) (s *Store, lost string, err error) {
	s, err = Open(dir, cfg)
	if errors.Is(err, storage.ErrCorrupt) {
		if _, err = SetAside(dir, err); err == nil {
			s, err = Open(dir, cfg)
		}
	}
	if err != nil {
		return nil, "", err
	}
	return s, Lost(dir), nil
}

// Lost tells of the databases that were set aside beside a directory: where the newest is,
// and why; "" if there is none.
func Lost(dir string) (told string) {
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s-lost-%d", dir, i)
		if _, err := os.Lstat(name); err != nil {
			return told
		}
		told = "it was set aside as " + name
		if why, err := os.ReadFile(filepath.Join(name, reasonFile)); err == nil {
			told += ": " + string(why[:max(0, len(why)-1)])
		}
	}
}
