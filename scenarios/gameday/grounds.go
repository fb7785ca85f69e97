package gameday

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// HaltFile is the file whose presence halts a game day, and keeps one from beginning.
const HaltFile = "HALT"

// Grounds is the folder in which game days on this machine know of each other.
type Grounds struct {
	Folder string
	// Lives reports whether a process is still the one that is meant.
	Lives func(pid int, born string) bool
}

// Running is a game day that goes on.
type Running struct {
	Cluster string `json:"cluster"`
	URL     string `json:"url"`
	Token   string `json:"token,omitempty"`
	PID     int    `json:"pid"`
	Born    string `json:"born,omitempty"`
	Journal string `json:"journal,omitempty"`
}

// DefaultFolder is where game days of a person know of each other.
func DefaultFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "shardquake", "gamedays"), nil
}

func (g Grounds) path(cluster, ext string) string {
	return filepath.Join(g.Folder, strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' {
			return '-'
		}
		return r
	}, cluster)+ext)
}

// Take claims a cluster. It is refused while another game day has it, and after a halt until
// that is lifted.
func (g Grounds) Take(r Running) error {
	if err := os.MkdirAll(g.Folder, 0o700); err != nil {
		return err
	}
	if text, err := os.ReadFile(g.path(r.Cluster, ".halted")); err == nil {
		return fmt.Errorf("the last game day on %s was halted: %s; shardquake gameday lift %s lets the next begin", r.Cluster, strings.TrimSpace(string(text)), r.Cluster)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := g.path(r.Cluster, ".running")
	for range 2 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.Write(text)
			return errors.Join(err, f.Close())
		}
		if !errors.Is(err, os.ErrExist) {
			return err
		}
		other, err := g.read(path)
		if err == nil && g.Lives(other.PID, other.Born) {
			return fmt.Errorf("a game day on %s goes on already, at %s", r.Cluster, other.URL)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("another game day on %s began at this moment", r.Cluster)
}

func (g Grounds) read(path string) (r Running, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// Leave lets a cluster go. A halt stays until it is lifted.
func (g Grounds) Leave(cluster string, h *Halt) error {
	var errs []error
	if h != nil {
		errs = append(errs, os.WriteFile(g.path(cluster, ".halted"), []byte(fmt.Sprintf("%s (%s)\n", h.Reason, h.Who)), 0o600))
	}
	return errors.Join(append(errs, os.Remove(g.path(cluster, ".running")))...)
}

// Running are the game days that go on.
func (g Grounds) Running() ([]Running, error) {
	files, err := filepath.Glob(filepath.Join(g.Folder, "*.running"))
	var out []Running
	for _, f := range files {
		if r, err := g.read(f); err == nil && g.Lives(r.PID, r.Born) {
			out = append(out, r)
		}
	}
	return out, err
}

// Lift lets the next game day on a cluster begin after a halt.
func (g Grounds) Lift(cluster string) error {
	err := os.Remove(g.path(cluster, ".halted"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no game day on %s was halted", cluster)
	}
	return err
}
