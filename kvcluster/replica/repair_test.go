package replica_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

var nodes = []shardmap.NodeID{"n1", "n2", "n3"}

// trio is three copies of a shard on pebble, with a perfect network and disks that sync
// at once.
type trio struct {
	t       *testing.T
	now     time.Duration
	fs      map[shardmap.NodeID]*vfs.MemFS
	engines map[shardmap.NodeID]*pebblestore.Store
	cores   map[shardmap.NodeID]*replica.Core
	events  map[shardmap.NodeID][]replica.EventKind
	answer  *wire.Response
	mail    []wire.Message
	shard   shardmap.Shard
	seq     uint64
	slow    shardmap.NodeID // whose disk syncs nothing any more
	deaf    shardmap.NodeID // whom no message reaches
	log     []string        // of events
	room    room            // that all disks have
}

// room is what disks take.
type room uint8

const (
	plenty  room = iota
	reserve      // vital batches only
	none
)

// limited is a store on a disk that has only so much room.
type limited struct {
	*pebblestore.Store
	w *trio
}

func (l limited) Apply(b *storage.Batch) error {
	if l.w.room == none || l.w.room == reserve && !b.Vital {
		return storage.ErrFull
	}
	return l.Store.Apply(b)
}

func newTrio(t *testing.T) *trio {
	w := &trio{t: t, fs: map[shardmap.NodeID]*vfs.MemFS{}, engines: map[shardmap.NodeID]*pebblestore.Store{},
		cores: map[shardmap.NodeID]*replica.Core{}, events: map[shardmap.NodeID][]replica.EventKind{},
		shard: shardmap.Shard{ID: "s", Replicas: nodes, Primary: "n1", Epoch: 1}}
	for _, n := range nodes {
		w.fs[n] = vfs.NewCrashableMem()
		w.start(n)
	}
	t.Cleanup(func() {
		for _, n := range nodes {
			require.NoError(t, w.engines[n].Close())
		}
	})
	return w
}

func (w *trio) start(n shardmap.NodeID) {
	s, err := pebblestore.Open("db", pebblestore.Config{FS: w.fs[n], MemTableBytes: 64 << 10})
	require.NoError(w.t, err)
	c, err := replica.New(replica.Config{KeepLog: 8}, "s", n, limited{s, w})
	require.NoError(w.t, err)
	w.engines[n], w.cores[n] = s, c
	w.step(n, replica.Configure{Shard: w.shard.Clone()})
}

func (w *trio) promote(n shardmap.NodeID) {
	w.shard.Primary, w.shard.Epoch = n, w.shard.Epoch+1
	for _, n := range nodes {
		w.step(n, replica.Configure{Shard: w.shard.Clone()})
	}
	w.run(5)
}

func (w *trio) step(n shardmap.NodeID, in replica.Input) {
	out := w.cores[n].Step(w.now, in)
	for _, e := range out.Events {
		w.events[n] = append(w.events[n], e.Kind)
		w.log = append(w.log, fmt.Sprintf("%s: %v, epoch %d", n, e.Kind, e.Epoch))
	}
	w.mail = append(w.mail, out.Messages...)
	for _, a := range out.Answers {
		w.answer = a.R
	}
	if out.Sync > 0 && n != w.slow {
		require.NoError(w.t, w.engines[n].Sync())
		w.step(n, replica.Synced{Number: out.Sync})
	}
}

// run delivers all messages, and lets time pass.
func (w *trio) run(ticks int) {
	for range ticks {
		w.now += 500 * time.Millisecond
		for _, n := range nodes {
			w.step(n, replica.Tick{})
		}
		for came := 0; len(w.mail) > 0; came++ {
			require.Less(w.t, came, 1000, "they never stop talking: %+v", w.mail[0])
			m := w.mail[0]
			w.mail = w.mail[1:]
			if to := m.(interface{ Header() *wire.Copy }).Header().To; to != w.deaf {
				w.step(to, replica.Message{M: m})
			}
		}
	}
}

func (w *trio) ask(n shardmap.NodeID, r wire.Request) *wire.Response {
	w.answer = nil
	r.Shard = w.shard.ID
	w.step(n, replica.Request{ID: 1, R: &r})
	for range 20 {
		if w.answer == nil {
			w.run(1)
		}
	}
	require.NotNil(w.t, w.answer)
	return w.answer
}

func (w *trio) put(n shardmap.NodeID, key string, value []byte) {
	w.seq++
	a := w.ask(n, wire.Request{Client: 1, Seq: w.seq, Settled: w.seq, Level: wire.All, Kind: wire.Write, Ops: []wire.Op{{Key: key, Value: value}}})
	require.Equal(w.t, wire.OK, a.Status, a.Reason)
}

// value is one that doesn't compress, so that it can be found in files.
func value(i int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 0))
	v := make([]byte, 2000)
	for j := range v {
		v[j] = byte(r.Uint32())
	}
	return v
}

func (w *trio) fill(n int) {
	for i := range n {
		w.put("n1", fmt.Sprintf("key%03d", i), value(i))
	}
}

// rot flips a bit in the middle of a value, wherever it is in the tables of a node.
func (w *trio) rot(n shardmap.NodeID) {
	fs := w.fs[n]
	names, err := fs.List("db")
	require.NoError(w.t, err)
	flipped := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		path := fs.PathJoin("db", name)
		f, err := fs.Open(path)
		require.NoError(w.t, err)
		data, err := io.ReadAll(f)
		require.NoError(w.t, err)
		require.NoError(w.t, f.Close())
		at := bytes.Index(data, value(75)[1000:1032])
		if at < 0 {
			continue
		}
		data[at] ^= 4
		out, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		require.NoError(w.t, err)
		_, err = out.Write(data)
		require.NoError(w.t, err)
		require.NoError(w.t, out.Sync())
		require.NoError(w.t, out.Close())
		flipped++
	}
	require.NotZero(w.t, flipped, "it isn't in a table yet")
}

// reads looks at every key of a copy, at ONE, and counts those that it wouldn't serve.
func (w *trio) reads(n shardmap.NodeID, keys int) (refused int) {
	for i := range keys {
		a := w.ask(n, wire.Request{Keys: []string{fmt.Sprintf("key%03d", i)}})
		if a.Status != wire.OK {
			refused++
			continue
		}
		require.Len(w.t, a.Items, 1, "key%03d on %s", i, n)
		require.Equal(w.t, string(value(i)), string(a.Items[0].Value), "key%03d on %s", i, n)
	}
	return refused
}

func TestFlippedBitsAreNoticedNotServedAndRepairedFromAnotherCopy(t *testing.T) {
	for _, victim := range nodes {
		t.Run(string(victim), func(t *testing.T) {
			const keys = 150
			w := newTrio(t)
			w.run(5)
			w.fill(keys)
			require.NoError(t, w.engines[victim].Close())
			w.rot(victim)
			w.start(victim)
			if victim == "n1" {
				w.promote("n2") // it can't begin its epoch a second time anyway
			}
			refused := w.reads(victim, keys)
			assert.Contains(t, w.events[victim], replica.Damaged)
			w.run(20)
			assert.Contains(t, w.events[victim], replica.Repaired)
			assert.Zero(t, w.reads(victim, keys), "%d were refused while it was damaged", refused)
			assert.Equal(t, w.cores["n2"].Applied(), w.cores["n3"].Applied())
		})
	}
}

func TestADamagedCopyDoesNotCountForAMajority(t *testing.T) {
	w := newTrio(t)
	w.run(5)
	w.fill(150)
	require.NoError(t, w.engines["n3"].Close())
	w.rot("n3")
	w.start("n3")
	w.mail = nil
	w.reads("n3", 1)
	for i := range 150 { // without messages: it stays damaged
		w.mail = nil
		w.step("n3", replica.Request{R: &wire.Request{Shard: "s", Keys: []string{fmt.Sprintf("key%03d", i)}}})
	}
	require.Contains(t, w.events["n3"], replica.Damaged)
	w.mail = nil
	out := w.cores["n3"].Step(w.now, replica.Message{M: &wire.Fence{Copy: wire.Copy{Shard: "s", From: "n2", To: "n3", Epoch: 9}}})
	require.NoError(t, w.engines["n3"].Sync())
	after := w.cores["n3"].Step(w.now, replica.Synced{Number: out.Sync})
	assert.Empty(t, out.Messages, "it can't say what it has acknowledged")
	assert.Empty(t, after.Messages)
}

// TestADamagedCopyIsWholeWhenItHasWhatThePrimaryHasNow lets a copy that has lost its data
// get an answer to what it asked when it had them: what it acknowledged since isn't in it.
func TestADamagedCopyIsWholeWhenItHasWhatThePrimaryHasNow(t *testing.T) {
	w := newTrio(t)
	w.run(5)
	// n3 is new to the primary and asks for its log; the answer is repeated by the network.
	ask := &wire.Fetch{Copy: wire.Copy{Shard: "s", From: "n3", To: "n1", Epoch: 1}}
	w.step("n1", replica.Message{M: ask})
	require.Len(t, w.mail, 1)
	late := w.mail[0]
	require.IsType(t, &wire.Page{}, late)
	w.mail = nil
	w.fill(5)
	require.NoError(t, w.engines["n3"].Close())
	b := storage.Batch{}
	s, err := pebblestore.Open("db", pebblestore.Config{FS: w.fs["n3"]})
	require.NoError(t, err)
	require.NoError(t, s.Scan([]byte("\x01sl"), []byte("\x01sm"), func(k, _ []byte) bool {
		b.Put(bytes.Clone(k), []byte("nonsense"))
		return true
	}))
	require.NoError(t, s.Apply(&b))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Close())
	w.start("n3")
	w.step("n3", replica.Message{M: &wire.AppendEntries{Copy: wire.Copy{Shard: "s", From: "n1", To: "n3", Epoch: 1}, PrevIndex: 6, PrevEpoch: 1}})
	w.mail = nil
	w.step("n3", replica.Message{M: late})
	assert.NotContains(t, w.events["n3"], replica.Repaired)
	w.run(5)
	assert.Contains(t, w.events["n3"], replica.Repaired)
	assert.Equal(t, w.cores["n1"].LastIndex(), w.cores["n3"].LastIndex())
}
