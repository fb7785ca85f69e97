package kv_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// liar changes the numbers, lists and bytes that messages between nodes consist of.
type liar struct{ rng *rand.Rand }

// lie makes something else of a message.
func (l *liar) lie(m wire.Message) {
	switch m := m.(type) {
	case *wire.Recalled, *wire.Joined, *wire.Request, *wire.Admin:
		return // who isn't believed here can't be believed anywhere
	case *wire.Raft:
		l.raft(m)
		return
	}
	l.value(reflect.ValueOf(m).Elem())
}

func (l *liar) number(v uint64) uint64 {
	switch l.rng.IntN(5) {
	case 0:
		return v + 1
	case 1:
		return max(v, 1) - 1
	case 2:
		return v + 1000
	case 3:
		return 0
	}
	return v + l.rng.Uint64N(1<<40)
}

func (l *liar) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Uint64:
		if l.rng.IntN(4) == 0 {
			v.SetUint(l.number(v.Uint()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			// A field of a byte is one of few choices, and the codec refuses others.
			if v.Field(i).CanSet() && v.Field(i).Kind() != reflect.Uint8 {
				l.value(v.Field(i))
			}
		}
	case reflect.Slice:
		if n := v.Len(); n > 0 && l.rng.IntN(4) == 0 {
			v.Set(v.Slice(l.rng.IntN(n), n))
		}
		for i := range v.Len() {
			l.value(v.Index(i))
		}
	case reflect.Uint8:
		if l.rng.IntN(64) == 0 && v.Type().Name() == "uint8" { // of keys and values
			v.SetUint(uint64(l.rng.IntN(256)))
		}
	}
}

// raft changes the numbers of a message of the metadata group.
func (l *liar) raft(w *wire.Raft) {
	m := new(raftpb.Message)
	if proto.Unmarshal(w.Data, m) != nil {
		return
	}
	for _, p := range []*uint64{m.Term, m.LogTerm, m.Index, m.Commit, m.RejectHint} {
		if p != nil && l.rng.IntN(3) == 0 {
			*p = l.number(*p) % (1 << 30)
		}
	}
	if n := len(m.GetEntries()); n > 0 && l.rng.IntN(3) == 0 {
		e := m.GetEntries()[l.rng.IntN(n)]
		if l.rng.IntN(2) == 0 {
			i := l.number(e.GetIndex())
			e.Index = &i
		} else if len(e.GetData()) > 0 {
			e.Data = e.GetData()[:l.rng.IntN(len(e.GetData()))]
		}
	}
	w.Data, _ = proto.Marshal(m)
}

// TestNoMessageOfAPeerEndsAProcess lets a part of what nodes receive claim anything. What
// becomes of the data is not asked: who lies can spoil it. But every process lives on.
func TestNoMessageOfAPeerEndsAProcess(t *testing.T) {
	contradicted, odds, lies := 0, 0, 0
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		e := sim.NewEngine(sim.Config{Seed: seed})
		set := meta.Defaults()
		set.Heartbeat = time.Second
		f := kv.NewFleet(e, kv.FleetConfig{Machines: []string{"n1", "n2", "n3"}, Settings: set})
		f.OnExit = func(m *kv.Machine, err error) { assert.NoError(t, err, "seed %d: %s", seed, m.Name()) }
		f.OnEvent = func(_ *kv.Machine, e node.Event) {
			switch e.What {
			case "contradicted":
				contradicted++
			case "at-odds":
				odds++
			}
		}
		for _, m := range f.Machines() {
			m.Start()
		}
		require.NoError(t, e.Run(sim.Time(10*time.Second)))
		l := &liar{e.Stream("liar", "")}
		f.OnDeliver = func(_ *kv.Machine, m wire.Message) {
			if l.rng.IntN(5) == 0 {
				lies++
				l.lie(m)
			}
		}
		k := f.NewCaller("client")
		for i := range uint64(60) {
			k.Ask(fmt.Sprint("n", 1+i%3), &wire.Request{Client: 1, Seq: i + 1, Settled: i + 1, Shard: "s1", Level: wire.Quorum, Kind: wire.Write,
				Ops: []wire.Op{{Key: fmt.Sprint("k", i%7), Value: []byte("v")}}}, time.Second, func(wire.Message) {})
			require.NoError(t, e.Run(e.Now().Add(200*time.Millisecond)))
		}
		for _, m := range f.Machines() {
			assert.True(t, m.Up(), "seed %d: %s", seed, m.Name())
		}
		require.NoError(t, f.Err(), "seed %d", seed)
		require.NoError(t, e.Close())
	}
	t.Logf("%d lies, %d refused, %d copies and seats opened again", lies, odds, contradicted)
	assert.Positive(t, odds)
}
