package simdisk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
)

const sector = 512

var (
	// ErrGone is returned by files that were opened before a crash.
	ErrGone = errors.New("simdisk: the process that opened the file is gone")
	// ErrNotFound is returned for files that aren't there.
	ErrNotFound = errors.New("simdisk: no such file")
	// ErrIO is what a failing disk returns.
	ErrIO = errors.New("simdisk: input/output error")
)

// Disk is a directory of files. It implements storage.FS.
type Disk struct {
	rng      *rand.Rand
	files    map[string]*content
	life     uint64
	capacity int64
	failing  bool
}

var _ storage.FS = (*Disk)(nil)

type content struct {
	data    []byte
	durable int  // length up to which it was synced
	named   bool // by a sync; otherwise a crash may forget the file
}

// New makes an empty disk. A capacity of 0 is unlimited.
func New(rng *rand.Rand, capacity int64) *Disk {
	return &Disk{rng: rng, files: make(map[string]*content), capacity: capacity}
}

func (d *Disk) names() []string {
	names := make([]string, 0, len(d.files))
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Used is the number of bytes in files.
func (d *Disk) Used() (n int64) {
	for _, f := range d.files {
		n += int64(len(f.data))
	}
	return n
}

// Unsynced is the number of bytes in files that a sync would bring to the disk.
func (d *Disk) Unsynced() (n int64) {
	for _, f := range d.files {
		n += int64(len(f.data) - f.durable)
	}
	return n
}

// SetCapacity changes the capacity; 0 is unlimited. What is there stays.
func (d *Disk) SetCapacity(bytes int64) { d.capacity = bytes }

// SetFailing makes every access return ErrIO, or ends that.
func (d *Disk) SetFailing(failing bool) { d.failing = failing }

// Crash ends the life of all open files and decides what becomes of what wasn't
// synced.
func (d *Disk) Crash() {
	d.life++
	for _, name := range d.names() {
		f := d.files[name]
		if !f.named && d.rng.IntN(2) == 0 {
			delete(d.files, name)
			continue
		}
		unsynced := len(f.data) - f.durable
		if unsynced > 0 {
			switch d.rng.IntN(3) {
			case 0:
				f.data = f.data[:f.durable]
			case 1:
				f.data = f.data[:f.durable+d.rng.IntN(unsynced+1)]
			case 2:
				d.scramble(f)
			}
		}
		f.data = slices.Clone(f.data)
		f.durable, f.named = len(f.data), true
	}
}

// scramble decides for each sector behind the last sync, which may begin inside one.
func (d *Disk) scramble(f *content) {
	for from := f.durable; from < len(f.data); {
		to := min((from/sector+1)*sector, len(f.data))
		switch d.rng.IntN(3) {
		case 0:
			clear(f.data[from:to])
		case 1:
			for i := from; i < to; i++ {
				f.data[i] = byte(d.rng.Uint32())
			}
		}
		from = to
	}
}

// Rot flips a bit of what is durable in a file. It reports false when there is
// nothing.
func (d *Disk) Rot() bool {
	f, _ := d.anyFile()
	if f == nil {
		return false
	}
	f.data[d.rng.IntN(f.durable)] ^= 1 << d.rng.IntN(8)
	return true
}

// anyFile is the file of some durable byte, and its name; nil if there is none. Large files are
// hit more often than small ones.
func (d *Disk) anyFile() (*content, string) {
	total := 0
	for _, name := range d.names() {
		total += d.files[name].durable
	}
	if total == 0 {
		return nil, ""
	}
	at := d.rng.IntN(total)
	for _, name := range d.names() {
		if at -= d.files[name].durable; at < 0 {
			return d.files[name], name
		}
	}
	return nil, ""
}

// Image is what a disk had at some time.
type Image struct{ files map[string][]byte }

// Image is what is durable now.
func (d *Disk) Image() Image {
	i := Image{files: make(map[string][]byte)}
	for _, name := range d.names() {
		if f := d.files[name]; f.named {
			i.files[name] = slices.Clone(f.data[:f.durable])
		}
	}
	return i
}

// Damage does something to one file, where it was written to lately. Nobody may have it
// open. Earlier is what the disk had some time ago. It tells what was done; "" if there is
// nothing to be damaged.
func (d *Disk) Damage(kind damage.Kind, earlier Image) string {
	f, name := d.anyFile()
	if f == nil {
		return ""
	}
	f.data = damage.Of(kind, f.data, earlier.files[name], d.rng)
	f.durable = len(f.data)
	return fmt.Sprintf("%s of %s", kind, name)
}

// RollBack makes the disk what it was at an earlier time. Nobody may have files open.
func (d *Disk) RollBack(earlier Image) {
	d.files = make(map[string]*content)
	names := make([]string, 0, len(earlier.files))
	for name := range earlier.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		data := earlier.files[name]
		d.files[name] = &content{data: slices.Clone(data), durable: len(data), named: true}
	}
}

// Mark remembers how much of each file there is: for SyncTo.
type Mark struct {
	life  uint64
	files []*content
	sizes []int // of files
}

// Mark is how much there is now.
func (d *Disk) Mark() Mark {
	m := Mark{life: d.life}
	for _, name := range d.names() {
		f := d.files[name]
		m.files = append(m.files, f)
		m.sizes = append(m.sizes, len(f.data))
	}
	return m
}

// SyncTo makes durable what was there at the mark, as a sync does that began then and
// ends now. After a crash in between it does nothing.
func (d *Disk) SyncTo(m Mark) {
	if m.life != d.life {
		return
	}
	for i, f := range m.files {
		f.durable = max(f.durable, min(m.sizes[i], len(f.data)))
		f.named = true
	}
}

// Create implements storage.FS.
func (d *Disk) Create(name string) (storage.File, error) {
	if d.failing {
		return nil, ErrIO
	}
	d.files[name] = new(content)
	return d.Open(name)
}

// Open implements storage.FS.
func (d *Disk) Open(name string) (storage.File, error) {
	if d.failing {
		return nil, ErrIO
	}
	f, ok := d.files[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return &file{d: d, c: f, life: d.life}, nil
}

// List implements storage.FS.
func (d *Disk) List() ([]string, error) {
	if d.failing {
		return nil, ErrIO
	}
	return d.names(), nil
}

// Remove implements storage.FS. It is durable at once.
func (d *Disk) Remove(name string) error {
	if d.failing {
		return ErrIO
	}
	delete(d.files, name)
	return nil
}

type file struct {
	d    *Disk
	c    *content
	life uint64
}

func (f *file) check() error {
	switch {
	case f.life != f.d.life:
		return ErrGone
	case f.d.failing:
		return ErrIO
	}
	return nil
}

func (f *file) Append(p []byte) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.d.capacity > 0 {
		if room := f.d.capacity - f.d.Used(); int64(len(p)) > room {
			f.c.data = append(f.c.data, p[:max(room, 0)]...)
			return fmt.Errorf("simdisk: %w", storage.ErrFull)
		}
	}
	if cap(f.c.data)-len(f.c.data) < len(p) { // twice as large: append by itself copies a file five times
		f.c.data = slices.Grow(f.c.data, max(len(p), len(f.c.data)))
	}
	f.c.data = append(f.c.data, p...)
	return nil
}

func (f *file) ReadAll() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return slices.Clone(f.c.data), nil
}

func (f *file) Truncate(size int64) error {
	if err := f.check(); err != nil {
		return err
	}
	f.c.data = f.c.data[:size]
	f.c.durable = min(f.c.durable, len(f.c.data))
	return nil
}

func (f *file) Sync() error {
	if err := f.check(); err != nil {
		return err
	}
	f.c.durable, f.c.named = len(f.c.data), true
	return nil
}

func (f *file) Close() error { return nil }
