//determinism:realtime what is done to real nodes is written down as it is done

package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Format is the version of the file's format.
const Format = 1

// Entry is something that was begun.
type Entry struct {
	// On names the thing.
	On string `json:"on"`
	// What is what was done to it, for people.
	What string `json:"what"`
	Undo []Step `json:"undo,omitempty"`
	// SelfHealing is whether an agent beside the thing undoes it when nobody renews.
	SelfHealing bool `json:"self_healing"`
}

// Head is the first line of a journal.
type Head struct {
	Format  int       `json:"journal"`
	Cluster string    `json:"cluster"`
	Began   time.Time `json:"began"`
}

// line is any other.
type line struct {
	At     time.Time `json:"at"`
	Begin  *Entry    `json:"begin,omitempty"`
	Undone string    `json:"undone,omitempty"`
	By     string    `json:"by,omitempty"`
	Note   string    `json:"note,omitempty"`
}

// Journal is a file that is written. Its methods may be used by several goroutines.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	open map[string]bool
}

// Create begins a journal. A file that is there already is kept beside it.
func Create(path, cluster string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		if err := os.Rename(path, path+".before"); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{file: f, open: make(map[string]bool)}
	if err := j.write(Head{Format, cluster, time.Now().UTC()}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// Begin notes, for good, that something is about to be done. A thing that is begun already
// keeps the steps that it has.
func (j *Journal) Begin(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open[e.On] {
		return j.write(line{At: time.Now().UTC(), Note: e.What + ": undone with " + e.On})
	}
	if err := j.write(line{At: time.Now().UTC(), Begin: &e}); err != nil {
		return err
	}
	j.open[e.On] = true
	return nil
}

// Begun reports whether something is.
func (j *Journal) Begun(on string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.open[on]
}

// Undone notes that a thing is as it was, and who made it so.
func (j *Journal) Undone(on, by string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.open[on] {
		return nil
	}
	if err := j.write(line{At: time.Now().UTC(), Undone: on, By: by}); err != nil {
		return err
	}
	delete(j.open, on)
	return nil
}

// write appends a line and brings it to the disk.
func (j *Journal) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// Read is what a journal says.
type Read struct {
	Head
	// Open is what was begun and not undone, in the order in which it was begun.
	Open []Entry
	// Begun and Undone count all entries.
	Begun, Undone int
	// Torn are the numbers of lines that can't be read: one that was being written when the
	// program ended.
	Torn []int
}

// mostBytes bounds a journal that is read.
const mostBytes = 256 << 20

// ReadFile reads a journal. A line that is cut off is left out and told.
func ReadFile(path string) (*Read, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // reading only
	text, err := io.ReadAll(io.LimitReader(f, mostBytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	var r Read
	if err := json.Unmarshal(first, &r.Head); err != nil || r.Format == 0 {
		return nil, fmt.Errorf(`%s:1: this is no journal; expected its first line to begin with {"journal":%d`, path, Format)
	}
	if r.Format > Format {
		return nil, fmt.Errorf("%s:1: a journal of format %d; this version reads up to %d", path, r.Format, Format)
	}
	for i, l := range bytes.Split(rest, []byte("\n")) {
		if len(bytes.TrimSpace(l)) > 0 {
			r.take(i+2, l)
		}
	}
	return &r, nil
}

func (r *Read) take(number int, text []byte) {
	var l line
	if json.Unmarshal(text, &l) != nil {
		r.Torn = append(r.Torn, number)
		return
	}
	switch {
	case l.Begin != nil:
		r.Begun++
		r.Open = append(r.Open, *l.Begin)
	case l.Undone != "":
		if i := slices.IndexFunc(r.Open, func(e Entry) bool { return e.On == l.Undone }); i >= 0 {
			r.Undone++
			r.Open = slices.Delete(r.Open, i, i+1)
		}
	}
}

// Reopen goes on with a journal, to note what is undone. A line that was cut off stays.
func Reopen(path string) (*Journal, *Read, error) {
	r, err := ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{file: f, open: make(map[string]bool)}
	for _, e := range r.Open {
		j.open[e.On] = true
	}
	if err := endLine(f); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return j, r, nil
}

// endLine ends a line that was cut off.
func endLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	_, err = f.Write([]byte("\n"))
	return err
}
