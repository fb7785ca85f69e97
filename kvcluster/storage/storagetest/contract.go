package storagetest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// Harness is the disk of one engine.
type Harness struct {
	// Open opens the engine on what the disk has.
	Open func() (storage.Engine, error)
	// Crash ends the engine's process: what wasn't synced may be lost or torn. Seed
	// decides about it.
	Crash func(seed uint64)
}

// Contract compares engines with a map under random operations, crashes among them. It
// is a property for rapid.Check.
func Contract(fresh func() Harness) func(*rapid.T) {
	return func(t *rapid.T) {
		r := &run{t: t, h: fresh(), content: map[string]string{}}
		r.open()
		t.Repeat(map[string]func(*rapid.T){
			"apply":    r.apply,
			"sync":     r.sync,
			"snapshot": r.snapshot,
			"crash":    r.crash,
			"reopen":   r.reopen,
			"":         r.check,
		})
		require.NoError(t, r.end())
	}
}

type run struct {
	t       *rapid.T
	h       Harness
	e       storage.Engine
	content map[string]string
	// past are the contents after the last sync and each batch since, the present one
	// last.
	past []map[string]string
	snap storage.Snapshot
	then map[string]string // content of snap
}

func (r *run) open() {
	e, err := r.h.Open()
	require.NoError(r.t, err)
	r.e = e
	r.past = []map[string]string{maps.Clone(r.content)}
}

func (r *run) end() error {
	if err := r.release(); err != nil {
		return err
	}
	return r.e.Close()
}

func (r *run) release() error {
	if r.snap == nil {
		return nil
	}
	err := r.snap.Close()
	r.snap = nil
	return err
}

var keys = rapid.StringMatching(`[a-c]{1,3}`)

func (r *run) apply(t *rapid.T) {
	var b storage.Batch
	for i := range rapid.IntRange(0, 4).Draw(t, "operations") {
		k := keys.Draw(t, "key")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			b.Delete([]byte(k))
			delete(r.content, k)
		case 1:
			end := keys.Draw(t, "end")
			if end <= k {
				continue
			}
			b.DeleteRange([]byte(k), []byte(end))
			maps.DeleteFunc(r.content, func(key, _ string) bool { return k <= key && key < end })
		default:
			v := fmt.Sprint(len(r.past), ".", i, ":", string(bytes.Repeat([]byte{'x'}, rapid.IntRange(0, 2000).Draw(t, "size"))))
			b.Put([]byte(k), []byte(v))
			r.content[k] = v
		}
	}
	require.NoError(t, r.e.Apply(&b))
	r.past = append(r.past, maps.Clone(r.content))
}

func (r *run) sync(t *rapid.T) {
	require.NoError(t, r.e.Sync())
	r.past = r.past[len(r.past)-1:]
}

func (r *run) snapshot(t *rapid.T) {
	require.NoError(t, r.release())
	s, err := r.e.Snapshot()
	require.NoError(t, err)
	r.snap, r.then = s, maps.Clone(r.content)
}

func (r *run) reopen(t *rapid.T) {
	require.NoError(t, r.end())
	_, _, err := r.e.Get([]byte("a"))
	require.ErrorIs(t, err, storage.ErrClosed)
	require.ErrorIs(t, r.e.Apply(&storage.Batch{Ops: []storage.Op{{Kind: storage.Delete}}}), storage.ErrClosed)
	r.open()
}

// crash finds the content after a prefix of the batches, all synced ones at least.
func (r *run) crash(t *rapid.T) {
	_ = r.release() // of a process that is gone; whether it succeeds tells nothing
	r.h.Crash(rapid.Uint64().Draw(t, "seed"))
	e, err := r.h.Open()
	require.NoError(t, err)
	found := read(t, e, nil, nil)
	for _, c := range slices.Backward(r.past) {
		if maps.Equal(c, found) {
			r.e, r.content = e, c
			r.past = []map[string]string{maps.Clone(c)}
			return
		}
	}
	require.Fail(t, "not a prefix of the batches", "after the crash: %v, synced: %v", found, r.past[0])
}

func (r *run) check(t *rapid.T) {
	require.Equal(t, r.content, read(t, r.e, nil, nil))
	start, end := keys.Draw(t, "from"), keys.Draw(t, "to")
	if start < end {
		want := maps.Clone(r.content)
		maps.DeleteFunc(want, func(k, _ string) bool { return k < start || k >= end })
		require.Equal(t, want, read(t, r.e, []byte(start), []byte(end)))
	}
	v, found, err := r.e.Get([]byte(start))
	require.NoError(t, err)
	want, there := r.content[start]
	require.Equal(t, there, found)
	assert.Equal(t, want, string(v))
	if r.snap != nil {
		require.Equal(t, r.then, read(t, r.snap, nil, nil))
	}
}

func read(t *rapid.T, r storage.Reader, start, end []byte) map[string]string {
	content := map[string]string{}
	last := ""
	err := r.Scan(start, end, func(k, v []byte) bool {
		require.Less(t, last, string(k), "keys out of order")
		last = string(k)
		content[last] = string(v)
		return true
	})
	require.NoError(t, err)
	return content
}
