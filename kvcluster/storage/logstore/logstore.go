package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/btree"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/tail"
)

// Config configures a Store. Zero fields stand for the defaults.
type Config struct {
	// RewriteBytes is the least size at which a log is rewritten; 1 MiB. It is then
	// rewritten when it has three times the size of its content.
	RewriteBytes int64
	// TailBytes is how much of the log's end is kept a second time, at least; 256 KiB.
	TailBytes int64
	Mutation
}

type item struct{ key, value []byte }

func less(a, b item) bool { return bytes.Compare(a.key, b.key) < 0 }

type tree = btree.BTreeG[item]

// Store is the engine. It is not safe for use by several processes at once.
type Store struct {
	cfg     Config
	fs      storage.FS
	file    storage.File
	number  uint64 // of the log
	size    int64
	batches uint64 // that were applied since the store was made
	durable uint64 // batches of which Sync has returned
	wrote   uint64 // generation of the last batch
	slots   *slots
	tail    *tail.Tail
	mended  uint64 // batches that the tail gave back
	live    int64  // bytes of keys and values
	tree    *tree
	failed  error
}

var _ storage.Engine = (*Store)(nil)

// complete is the kind of operation that says that the content is complete.
const complete storage.OpKind = 0xff

// Open opens the log in fs, or begins one. It returns storage.ErrCorrupt when the log
// is damaged where it was durable, and its tail can't mend it.
func Open(fs storage.FS, cfg Config) (*Store, error) {
	if cfg.RewriteBytes == 0 {
		cfg.RewriteBytes = 1 << 20
	}
	if cfg.TailBytes == 0 {
		cfg.TailBytes = 256 << 10
	}
	s := &Store{cfg: cfg, fs: fs, slots: &slots{fs: fs}, tree: btree.NewG[item](16, less)}
	numbers, err := s.logs()
	if err != nil {
		return nil, err
	}
	found, durable := false, uint64(0)
	for _, n := range slices.Backward(numbers) {
		if found {
			err = fs.Remove(logName(n))
		} else {
			var testified uint64
			found, testified, err = s.load(n)
			durable = max(durable, testified)
		}
		if err != nil {
			return nil, err
		}
	}
	if !found && len(numbers) > 0 && numbers[0] > 1 {
		// The one before was removed, so this one had been finished.
		return nil, fmt.Errorf("logstore: no complete log, the first is %d: %w", numbers[0], storage.ErrCorrupt)
	}
	if err := s.recover(found, durable); err != nil {
		return nil, err
	}
	return s, nil
}

// recover adds what the tail has beyond the log, and begins to write both.
func (s *Store) recover(loaded bool, durable uint64) error {
	found, err := tail.Recover(s.slots, tail.Position{Number: s.batches, Generation: s.wrote})
	if s.cfg.is(AcceptShort) {
		found.Batches, durable, err = nil, 0, nil
	}
	if err != nil {
		return fmt.Errorf("logstore: %w", err)
	}
	if !loaded {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if err := s.mend(found); err != nil {
		return err
	}
	if s.batches < durable {
		return fmt.Errorf("logstore: %w: batch %d had been synced, only %d can be read", storage.ErrLost, durable, s.batches)
	}
	s.durable = s.batches
	s.tail, err = tail.Begin(s.slots, found, s.cfg.TailBytes)
	if err != nil {
		return fmt.Errorf("logstore: %w", err)
	}
	s.wrote = s.tail.Generation()
	return nil
}

// mend adds what the tail has to the log.
func (s *Store) mend(found tail.Found) error {
	s.wrote = found.Generation
	for _, ops := range found.Batches {
		buf, err := tail.Append(nil, &tail.Record{Number: s.batches + 1, Generation: s.wrote, Durable: s.durable, Ops: ops})
		if err == nil {
			err = s.file.Append(buf)
		}
		if err != nil {
			return fmt.Errorf("logstore: %s: %w", logName(s.number), err)
		}
		for _, op := range ops {
			s.change(op)
		}
		s.batches++
		s.size += int64(len(buf))
		s.mended++
	}
	if s.mended > 0 {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("logstore: %s: %w", logName(s.number), err)
		}
	}
	return nil
}

// Mended is how many batches the log had lost and its tail gave back at the opening.
func (s *Store) Mended() uint64 { return s.mended }

func logName(n uint64) string { return fmt.Sprintf("log-%020d", n) }

func (s *Store) logs() ([]uint64, error) {
	names, err := s.fs.List()
	if err != nil {
		return nil, fmt.Errorf("logstore: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, "log-"); ok {
			if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// load reads a log. It reports false, and removes it, when it isn't complete; and up to
// which batch a record of it, wherever, says that everything was durable.
func (s *Store) load(n uint64) (done bool, durable uint64, err error) {
	name := logName(n)
	f, err := s.fs.Open(name)
	if err != nil {
		return false, 0, fmt.Errorf("logstore: %w", err)
	}
	data, err := f.ReadAll()
	if err != nil {
		return false, 0, fmt.Errorf("logstore: %s: %w", name, err)
	}
	at, done := s.read(data)
	tail.Scan(data[at:], func(r tail.Record) { durable = max(durable, r.Durable) })
	if !done {
		s.tree.Clear(false)
		s.live, s.batches, s.wrote = 0, 0, 0
		return false, durable, errors.Join(f.Close(), s.fs.Remove(name))
	}
	if at < int64(len(data)) {
		if err := f.Truncate(at); err != nil {
			return false, 0, fmt.Errorf("logstore: %s: %w", name, err)
		}
	}
	if err := f.Sync(); err != nil {
		return false, 0, fmt.Errorf("logstore: %s: %w", name, err)
	}
	s.file, s.number, s.size = f, n, at
	return true, durable, nil
}

// read applies the records at the front of data, up to the first that isn't intact.
func (s *Store) read(data []byte) (at int64, done bool) {
	for at < int64(len(data)) {
		r, ok := tail.Parse(data[at:])
		if !ok || done && r.Number != s.batches+1 {
			break
		}
		for _, op := range r.Ops {
			done = done || op.Kind == complete
			s.change(op)
		}
		s.batches, s.wrote = r.Number, r.Generation
		at += r.Size
	}
	return at, done
}

// begin writes the content to a new log, which takes the place of the present one.
func (s *Store) begin() error {
	name := logName(s.number + 1)
	f, err := s.fs.Create(name)
	if err != nil {
		return fmt.Errorf("logstore: %w", err)
	}
	size, err := s.writeContent(f)
	if err != nil {
		return errors.Join(fmt.Errorf("logstore: %s: %w", name, err), f.Close(), s.fs.Remove(name))
	}
	old, oldName := s.file, logName(s.number)
	s.file, s.number, s.size, s.durable = f, s.number+1, size, s.batches
	if old == nil {
		return nil
	}
	if err := errors.Join(old.Close(), s.fs.Remove(oldName)); err != nil {
		return fmt.Errorf("logstore: %s: %w", oldName, err)
	}
	return nil
}

func (s *Store) writeContent(f storage.File) (size int64, err error) {
	var ops []storage.Op
	bytes := 0
	flush := func() bool {
		var buf []byte
		if buf, err = tail.Append(nil, &tail.Record{Number: s.batches, Generation: s.wrote, Durable: s.durable, Ops: ops}); err == nil {
			err = f.Append(buf)
		}
		size += int64(len(buf))
		ops, bytes = ops[:0], 0
		return err == nil
	}
	s.tree.Ascend(func(i item) bool {
		ops = append(ops, storage.Op{Kind: storage.Put, Key: i.key, Value: i.value})
		bytes += len(i.key) + len(i.value)
		return bytes < 64<<10 || flush()
	})
	ops = append(ops, storage.Op{Kind: complete})
	if err != nil || !flush() {
		return 0, err
	}
	return size, f.Sync()
}

// Apply implements storage.Engine.
func (s *Store) Apply(b *storage.Batch) error {
	if s.failed != nil {
		return s.failed
	}
	if b.Empty() {
		return nil
	}
	if err := s.write(b.Ops); err != nil {
		return err
	}
	for _, op := range b.Ops {
		s.change(op)
	}
	if s.size > s.cfg.RewriteBytes && s.size > 3*s.live {
		err := s.begin()
		if err != nil && !errors.Is(err, storage.ErrFull) { // without room it stays as it is
			return s.fail(err)
		}
	}
	return nil
}

// write adds a batch to the log and its tail, or to neither.
func (s *Store) write(ops []storage.Op) error {
	buf, err := tail.Append(nil, &tail.Record{Number: s.batches + 1, Generation: s.wrote, Durable: s.durable, Ops: ops})
	if err != nil {
		return err
	}
	if err = s.file.Append(buf); err == nil {
		err = s.tail.Add(s.batches+1, s.durable, buf)
	}
	if err == nil {
		s.batches++
		s.size += int64(len(buf))
		return nil
	}
	err = fmt.Errorf("logstore: %s: %w", logName(s.number), err)
	if !errors.Is(err, storage.ErrFull) {
		return s.fail(err)
	}
	if undo := s.file.Truncate(s.size); undo != nil {
		return s.fail(errors.Join(err, undo))
	}
	return err
}

func (s *Store) fail(err error) error {
	s.failed = errors.Join(storage.ErrClosed, err)
	return err
}

// change applies one operation to the content in memory.
func (s *Store) change(op storage.Op) {
	switch op.Kind {
	case storage.Put:
		old, replaced := s.tree.ReplaceOrInsert(item{op.Key, op.Value})
		s.live += int64(len(op.Key) + len(op.Value))
		if replaced {
			s.live -= int64(len(old.key) + len(old.value))
		}
	case storage.Delete:
		s.drop(op.Key)
	case storage.DeleteRange:
		var keys [][]byte
		s.tree.AscendRange(item{key: op.Key}, item{key: op.Value}, func(i item) bool {
			keys = append(keys, i.key)
			return true
		})
		for _, k := range keys {
			s.drop(k)
		}
	}
}

func (s *Store) drop(key []byte) {
	if old, ok := s.tree.Delete(item{key: key}); ok {
		s.live -= int64(len(old.key) + len(old.value))
	}
}

// Sync implements storage.Engine.
func (s *Store) Sync() error {
	if s.failed != nil {
		return s.failed
	}
	if err := errors.Join(s.slots.sync(), s.file.Sync()); err != nil {
		return s.fail(fmt.Errorf("logstore: %s: %w", logName(s.number), err))
	}
	s.durable = s.batches
	return nil
}

// Durable implements storage.Engine.
func (s *Store) Durable() uint64 { return s.durable }

// Mark is a point in the log; see MarkDurable.
type Mark struct{ batches uint64 }

// Mark is the present end of the log.
func (s *Store) Mark() Mark { return Mark{s.batches} }

// MarkDurable tells the store that everything up to the mark is durable: for those who
// sync the files themselves, as the simulator does to let a sync take time.
func (s *Store) MarkDurable(m Mark) { s.durable = max(s.durable, m.batches) }

// Close implements storage.Engine. It makes everything durable.
func (s *Store) Close() error {
	if s.failed != nil {
		return nil
	}
	err := errors.Join(s.Sync(), s.file.Close(), s.slots.close())
	s.failed = storage.ErrClosed
	return err
}

// Get implements storage.Reader.
func (s *Store) Get(key []byte) ([]byte, bool, error) { return view{s, s.tree}.Get(key) }

// Scan implements storage.Reader.
func (s *Store) Scan(start, end []byte, f func(key, value []byte) bool) error {
	return view{s, s.tree}.Scan(start, end, f)
}

// Snapshot implements storage.Engine. It costs nothing until either side changes.
func (s *Store) Snapshot() (storage.Snapshot, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	return view{s, s.tree.Clone()}, nil
}

type view struct {
	s    *Store
	tree *tree
}

func (v view) Get(key []byte) ([]byte, bool, error) {
	if v.s.failed != nil {
		return nil, false, v.s.failed
	}
	i, ok := v.tree.Get(item{key: key})
	if !ok {
		return nil, false, nil
	}
	return append([]byte{}, i.value...), true, nil
}

func (v view) Scan(start, end []byte, f func(key, value []byte) bool) error {
	if v.s.failed != nil {
		return v.s.failed
	}
	visit := func(i item) bool { return f(i.key, i.value) }
	if end == nil {
		v.tree.AscendGreaterOrEqual(item{key: start}, visit)
	} else {
		v.tree.AscendRange(item{key: start}, item{key: end}, visit)
	}
	return nil
}

func (v view) Close() error { return nil }
