package kv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv/simdisk"
)

// FleetConfig describes a Fleet.
type FleetConfig struct {
	// Machines are their names; the first one by name begins the cluster. Zones, if there are
	// any, are theirs in turn.
	Machines, Zones []string
	// Late are those that the cluster is made without.
	Late     []string
	Settings wire.Settings
	// Latency between the middle of the network and each of its ends; 200 µs.
	Latency time.Duration
	// Bandwidth of each machine's network card, each way, in bytes per second; 0 is
	// unlimited. It holds for transfers; single messages are too short to feel it.
	Bandwidth int64
	// Walls gives each machine a wall clock of its own, which can be set.
	Walls bool
	// Sync is how long a sync of a disk takes, at least and at most; 500 µs to 2 ms.
	Sync [2]time.Duration
	Nuisances
	// Node is the configuration of all nodes, but for what is theirs alone.
	Node  kvnode.Config
	Store logstore.Config
	// Pebble has nodes keep their data as those that ship do. Then a run does not repeat
	// exactly, and disks are never full.
	Pebble bool
}

// Fleet is whole nodes, each a machine with a disk, on one network: the simulator's
// driver of package node.
type Fleet struct {
	Engine  *sim.Engine
	Network *sim.Network
	// OnEvent is told what happens on nodes, OnStep is called after every step of one, if
	// they aren't nil.
	OnEvent func(*Machine, kvnode.Event)
	OnStep  func(*Machine)
	// OnLost is told of a disk that was found to have lost something, if it isn't nil.
	OnLost func(*Machine, error)
	// OnExit is told why a node's process ended on its own account, OnDeliver may change what a
	// node receives, if they aren't nil.
	OnExit    func(*Machine, error)
	OnDeliver func(to *Machine, m wire.Message)
	// Mended counts the logs that had lost something and had it given back by their tails.
	Mended int

	cfg      FleetConfig
	machines []*Machine
	byName   map[string]*Machine
	rng      *rand.Rand // of messages
	err      error
	answers  []fleetAnswer
	// When the last message came, and how many came at that moment.
	moment sim.Time
	came   int
}

// storm is how many messages come at one moment only if nodes answer each other for ever:
// time would not go on. After that they get none.
const storm = 1 << 15

// fleetAnswer is the way back to a caller, under the number that the node was given.
type fleetAnswer struct {
	caller *Caller
	number uint64
}

// Machine is a machine of a Fleet. Its disk outlives its process.
type Machine struct {
	process
	f     *Fleet
	index int
	name  string
	zone  string
	disk  *simdisk.Disk
	mem   *vfs.MemFS // the disk, of a fleet on pebble
	rng   *rand.Rand
	disks int           // counts disks
	lost  string        // what the disk before lost
	since sim.Time      // when the process started
	slow  time.Duration // added to each sync
	rate  int64         // bytes per second that the disk takes; 0: any number
	store engine
	node  *kvnode.Node

	timer   sim.Timer
	wake    time.Duration
	asked   uint64
	syncing bool
	again   bool
}

// NewFleet makes a fleet whose machines are down.
func NewFleet(e *sim.Engine, cfg FleetConfig) *Fleet {
	if cfg.Latency == 0 {
		cfg.Latency = 200 * time.Microsecond
	}
	if cfg.Sync[1] == 0 {
		cfg.Sync = [2]time.Duration{500 * time.Microsecond, 2 * time.Millisecond}
	}
	f := &Fleet{Engine: e, Network: e.NewNetwork(e.NewFluid()), cfg: cfg, byName: make(map[string]*Machine), rng: e.Stream("kv.messages", "")}
	for i, name := range cfg.Machines {
		m := &Machine{process: process{engine: e}, f: f, index: i, name: name, rng: e.Stream("kv.disk", name)}
		if len(cfg.Zones) > 0 {
			m.zone = cfg.Zones[i%len(cfg.Zones)]
		}
		m.newDisk()
		f.machines = append(f.machines, m)
		f.byName[name] = m
		f.Network.AddEndpoint(name, sim.EndpointSpec{Latency: cfg.Latency, Bandwidth: cfg.Bandwidth})
		f.Network.Disconnect(name)
	}
	return f
}

// Err is the first thing that must not happen: a store that can't be opened, a message
// that can't be decoded.
func (f *Fleet) Err() error { return f.err }

func (f *Fleet) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// Fail notes something that must not happen: Err is the first.
func (f *Fleet) Fail(err error) { f.fail(err) }

// Bother changes what the network does to messages between machines.
func (f *Fleet) Bother(n Nuisances) { f.cfg.Nuisances = n }

// Machines are all of them, in their order.
func (f *Fleet) Machines() []*Machine { return f.machines }

// Machine is the one of that name, or nil.
func (f *Fleet) Machine(name string) *Machine { return f.byName[name] }

// Name is the machine's.
func (m *Machine) Name() string { return m.name }

// Up reports whether its process runs, be it paused.
func (m *Machine) Up() bool { return m.up }

// Paused reports whether its process is stopped.
func (m *Machine) Paused() bool { return m.paused }

// Disk is its present disk.
func (m *Machine) Disk() *simdisk.Disk { return m.disk }

// Disks counts the disks that the machine has had.
func (m *Machine) Disks() int { return m.disks }

// Since is when its process was started, Life how manieth process it is.
func (m *Machine) Since() sim.Time { return m.since }

// Life is described at Since.
func (m *Machine) Life() int { return m.life }

// Now is the time as its process sees it.
func (m *Machine) Now() time.Duration { return m.now() }

// Durable is how many batches its disk has for good. The process must run.
func (m *Machine) Durable() uint64 { return m.store.Durable() }

// Node is the node that runs on it, or nil.
func (m *Machine) Node() *kvnode.Node {
	if !m.up {
		return nil
	}
	return m.node
}

func (m *Machine) newDisk() {
	m.disks++
	if m.f.cfg.Pebble {
		m.mem = vfs.NewCrashableMem()
	}
	m.disk = simdisk.New(m.f.Engine.Stream("kv.crash", fmt.Sprintf("%s/%d", m.name, m.disks)), 0)
}

// Start starts the machine's process on what its disk has.
func (m *Machine) Start() {
	if m.up {
		return
	}
	e := m.f.Engine
	store, err := m.open()
	switch {
	case errors.Is(err, storage.ErrFull):
		e.Note("kv.no-room", m.name)
		return
	case errors.Is(err, storage.ErrCorrupt):
		m.setAside(err)
		m.Start()
		return
	case err != nil:
		m.f.fail(fmt.Errorf("kv: machine %s: %w", m.name, err))
		return
	}
	m.life++
	m.f.Mended += int(min(store.Mended(), 1))
	cfg := m.f.cfg.Node
	cfg.Lost = m.lost
	cfg.Name, cfg.Zone, cfg.Settings = m.name, m.zone, m.f.cfg.Settings
	cfg.Rand = e.Stream("kv.node", fmt.Sprintf("%s/%d", m.name, m.life))
	cfg.Wall = e.Wall
	if m.f.cfg.Walls {
		cfg.Wall = e.Clock(m.name).Now
	}
	cfg.Bootstrap = !slices.Contains(m.f.cfg.Late, m.name)
	for _, other := range m.f.machines {
		if other != m {
			cfg.Join = append(cfg.Join, other.name)
			if !slices.Contains(m.f.cfg.Late, other.name) {
				cfg.Founders = append(cfg.Founders, other.name)
			}
		}
	}
	n, err := kvnode.Open(cfg, store, m.now())
	if errors.Is(err, kvnode.ErrRemoved) {
		e.Note("kv.removed", m.name)
		if m.f.OnExit != nil {
			m.f.OnExit(m, err)
		}
		return
	}
	if errors.Is(err, storage.ErrCorrupt) {
		_ = store.Close() // whatever it says: it is set aside
		m.setAside(err)
		m.Start()
		return
	}
	if err != nil {
		m.f.fail(fmt.Errorf("kv: machine %s: %w", m.name, err))
		return
	}
	m.store, m.node, m.up, m.since = store, n, true, e.Now()
	m.f.Network.Connect(m.name)
	e.Note("kv.start", m.name)
	m.step(kvnode.Tick{})
}

// Crash ends the machine's process; what its disk had not synced may be lost.
func (m *Machine) Crash() {
	if !m.up {
		return
	}
	m.end()
	m.syncing, m.again, m.asked, m.wake = false, false, 0, 0
	m.timer.Stop()
	if m.mem != nil {
		m.crashPebble()
	}
	m.node, m.store = nil, nil
	m.f.Network.Disconnect(m.name)
	m.disk.Crash()
	m.f.Engine.Note("kv.crash", m.name)
}

// restartAfter is how long it takes until a process that has ended is started again.
const restartAfter = 100 * time.Millisecond

// setAside gives the machine an empty disk in the place of one that has lost something, as
// those do who run a node.
func (m *Machine) setAside(why error) {
	m.lost = why.Error()
	m.newDisk()
	m.f.Engine.Note("kv.set-aside", m.name)
	if m.f.OnLost != nil {
		m.f.OnLost(m, why)
	}
}

// Wipe gives the machine an empty disk. Its process must not run.
func (m *Machine) Wipe() {
	if !m.up {
		m.newDisk()
		m.f.Engine.Note("kv.wipe", m.name)
	}
}

// Pause stops the machine's process until Resume; what comes meanwhile waits.
func (m *Machine) Pause() { m.pause() }

// Resume lets a paused process go on.
func (m *Machine) Resume() { m.resume() }

// SlowDisk makes each sync take longer.
func (m *Machine) SlowDisk(by time.Duration) { m.slow = by }

// LimitDisk bounds what the disk takes, in bytes per second; 0 is no bound.
func (m *Machine) LimitDisk(rate int64) { m.rate = rate }

// syncTime is how long it takes to bring so many bytes to the disk.
func (m *Machine) syncTime(bytes int64) time.Duration {
	span := m.f.cfg.Sync
	d := span[0] + time.Duration(m.rng.Int64N(int64(span[1]-span[0])+1)) + m.slow
	if m.rate > 0 {
		d += time.Duration(float64(time.Second) * float64(bytes) / float64(m.rate))
	}
	return d
}

// step gives an input to the node and does what it wants.
func (m *Machine) step(in kvnode.Input) {
	if !m.up {
		return // it has crashed in the course of this event
	}
	out := m.node.Step(m.now(), in)
	if out.Exit != nil {
		m.f.Engine.Note("kv.exit", m.name)
		m.Crash()
		if m.f.OnExit != nil {
			m.f.OnExit(m, out.Exit)
		}
		if errors.Is(out.Exit, storage.ErrCorrupt) {
			m.setAside(out.Exit)
			m.f.Engine.After(restartAfter, "kv.restart", m.Start)
		}
		return
	}
	for _, e := range out.Events {
		m.f.Engine.Note("kv."+e.What, m.name+"/"+string(e.Shard), e.Epoch)
		if m.f.OnEvent != nil {
			m.f.OnEvent(m, e)
		}
	}
	for _, env := range out.Messages {
		m.f.post(m.name, env.Machine, env.M)
	}
	for _, a := range out.Answers {
		m.f.answer(m, a)
	}
	if out.Sync > 0 {
		m.asked = out.Sync
		m.sync()
	}
	if out.Wake != m.wake {
		m.timer.Stop()
		m.wake = out.Wake
		m.timer = m.later(max(m.wake-m.now(), 0), "kv.tick", func() {
			m.wake = 0
			m.step(kvnode.Tick{})
		})
	}
	if m.f.OnStep != nil && m.up {
		m.f.OnStep(m)
	}
}

// sync begins a sync of the disk, or another one after that under way.
func (m *Machine) sync() {
	if m.syncing {
		m.again = true
		return
	}
	m.syncing, m.again = true, false
	synced, asked := m.beginSync(), m.asked
	m.later(m.syncTime(m.disk.Unsynced()), "kv.sync", func() {
		synced()
		m.syncing = false
		if m.again {
			m.sync()
		}
		m.step(kvnode.Synced{Number: asked})
	})
}

// post sends a message in the bytes of the wire protocol, if the network feels like it.
func (f *Fleet) post(from, to string, msg wire.Message) {
	frame, err := wire.Append(nil, msg)
	if err != nil {
		f.fail(fmt.Errorf("kv: from %s to %s: %w", from, to, err))
		return
	}
	f.cfg.send(f.Engine, f.rng, func() {
		f.Network.Send(from, to, len(frame), func() { f.deliver(to, frame) })
	})
}

func (f *Fleet) deliver(to string, frame []byte) {
	msg, rest, err := wire.Decode(frame)
	if err != nil || len(rest) > 0 {
		f.fail(fmt.Errorf("kv: to %s: %d bytes left, %w", to, len(rest), err))
		return
	}
	if now := f.Engine.Now(); f.came <= storm && now != f.moment {
		f.moment, f.came = now, 0
	}
	if f.came++; f.came > storm {
		f.fail(fmt.Errorf("kv: more than %d messages at one moment, the last to %s: a %v", storm, to, wire.KindOf(msg)))
		return
	}
	m := f.byName[to]
	if m == nil {
		return
	}
	if f.OnDeliver != nil {
		f.OnDeliver(m, msg)
	}
	m.run(func() { m.step(kvnode.Received{M: msg}) })
}

// Primary is the machine whose node acts as primary of a shard in the highest epoch, or
// nil.
func (f *Fleet) Primary(id shardmap.ID) *Machine {
	var best *Machine
	for _, m := range f.machines {
		if n := m.Node(); n != nil && n.Copy(id) != nil && n.Copy(id).Role() == replica.Primary &&
			(best == nil || n.Copy(id).Promised() > best.node.Copy(id).Promised()) {
			best = m
		}
	}
	return best
}

// Leader is the machine whose node leads the metadata group in the highest term, or
// nil.
func (f *Fleet) Leader() *Machine {
	var best *Machine
	for _, m := range f.machines {
		if n := m.Node(); n != nil && n.Group() != nil && n.Group().Leading() && (best == nil || n.Group().Term() > best.node.Group().Term()) {
			best = m
		}
	}
	return best
}
