package kv

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/sim/kv/simdisk"
)

// engine is what a machine's node keeps its data in.
type engine interface {
	storage.Engine
	Mended() uint64
}

// folder is where pebble keeps a machine's data.
const folder = "db"

// open opens the engine on what the disk has.
func (m *Machine) open() (engine, error) {
	if m.mem == nil {
		s, err := logstore.Open(m.disk, m.f.cfg.Store)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := pebblestore.Open(folder, pebblestore.Config{FS: m.mem, MemTableBytes: 64 << 10, TailBytes: m.f.cfg.Store.TailBytes})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// beginSync begins a sync of the disk and returns what ends it.
func (m *Machine) beginSync() func() {
	if s, ok := m.store.(*logstore.Store); ok {
		mark, end := m.disk.Mark(), s.Mark()
		return func() {
			m.disk.SyncTo(mark)
			s.MarkDurable(end)
		}
	}
	s := m.store
	return func() {
		if err := s.Sync(); err != nil {
			m.f.fail(fmt.Errorf("kv: machine %s: sync: %w", m.name, err))
		}
	}
}

// crashPebble leaves of pebble's files what was synced, and a part of what was not.
func (m *Machine) crashPebble() {
	after := m.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(101), RNG: rand.New(rand.NewPCG(m.rng.Uint64(), 0))})
	if err := m.store.Close(); err != nil { // on the files of the process that is no more
		m.f.fail(fmt.Errorf("kv: machine %s: %w", m.name, err))
	}
	m.mem = after
}

// Image is what a machine's disk had at some time.
type Image struct {
	disk simdisk.Image
	mem  *vfs.MemFS
}

// Image is what is durable now.
func (m *Machine) Image() Image {
	if m.mem != nil {
		return Image{mem: m.mem.CrashClone(vfs.CrashCloneCfg{})}
	}
	return Image{disk: m.disk.Image()}
}

// RollBack makes the disk what it was. The process must not run.
func (m *Machine) RollBack(earlier Image) {
	if m.mem != nil {
		m.mem = earlier.mem.CrashClone(vfs.CrashCloneCfg{})
		return
	}
	m.disk.RollBack(earlier.disk)
}

// Damage does something to a file of the disk; earlier is what that had some time ago. The
// process must not run. It tells what was done.
func (m *Machine) Damage(kind damage.Kind, earlier Image) string {
	if m.mem == nil {
		return m.disk.Damage(kind, earlier.disk)
	}
	names, err := m.mem.List(folder)
	if err != nil || len(names) == 0 {
		return ""
	}
	name := m.mem.PathJoin(folder, names[m.rng.IntN(len(names))])
	var before []byte
	if earlier.mem != nil {
		before, _ = readMem(earlier.mem, name) // it may not have been there
	}
	data, err := readMem(m.mem, name)
	if err == nil {
		err = writeMem(m.mem, name, damage.Of(kind, data, before, m.rng))
	}
	if err != nil {
		m.f.fail(err)
	}
	return fmt.Sprintf("%s of %s", kind, name)
}

func readMem(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(f)
}

func writeMem(fs vfs.FS, name string, data []byte) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// Save writes what the disk has to a folder of this machine.
func (m *Machine) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if m.mem != nil {
		_, err := vfs.Clone(m.mem, vfs.Default, folder, filepath.Join(dir, folder))
		return err
	}
	names, err := m.disk.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := m.disk.Open(name)
		if err != nil {
			return err
		}
		data, err := f.ReadAll()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
