package rehearse

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/meta"
	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// WholeOptions describe a rehearsal of a whole cluster. Zero fields stand for the
// defaults.
type WholeOptions struct {
	Seed     uint64
	Machines int           // 5
	Clients  int           // 4
	Keys     int           // 8
	Duration time.Duration // of the faults; chosen by the seed. Then all is healed.
	// Settings of the cluster. Without a heartbeat, the seed chooses fast ones or the
	// defaults.
	Settings wire.Settings
	Node     kvnode.Config
	Store    logstore.Config
	// Damage has disks damaged and folders put back in every run, and not in some only.
	Damage bool
	// Pebble has nodes keep their data as those that ship do. Such a run doesn't repeat exactly.
	Pebble bool
	// Keep, if not empty, is a folder for the disks of a run that was bad.
	Keep string
}

// WholeResult is what a rehearsal of a whole cluster found.
type WholeResult struct {
	Report check.Report
	// Problems are invariants that were broken; empty if all is well.
	Problems []string
	// Outages are the times without an acting primary that a failover was to end, while
	// majorities were well; Bound is what they must not exceed. Runs whose network loses
	// and delays messages aren't held to it.
	Outages []time.Duration
	Bound   time.Duration
	// How much happened.
	Acknowledged, UnknownWrites, Activations, Changes, Crashes, Cuts, Wipes, Leaders int
	// Damage counts what was done to disks, by kind; RolledBack the folders that were put
	// back as a whole. Of these, Mended had what they lost given back by their tails, and Lost
	// were found to have lost something.
	Damage                   map[damage.Kind]int
	RolledBack, Mended, Lost int
	// Beyond says that a folder was put back while nobody who remembers could be reached:
	// that exceeds what is promised, and nothing that was found wrong counts.
	Beyond    bool
	Revisions uint64
	Events    uint64
	TraceHash uint64
}

// Bad reports whether anything was wrong.
func (r *WholeResult) Bad() bool {
	return !r.Beyond && (len(r.Problems) > 0 || r.Report.Verdict == check.Fail)
}

// wholeNodes is such a rehearsal under way.
type wholeNodes struct {
	WholeOptions
	e       *sim.Engine
	f       *kv.Fleet
	rng     *rand.Rand // of the faults
	admin   *kv.Caller
	faults  bool
	started sim.Time // of the faults
	clients []*wholeScript
	history []check.Op
	ill     map[string]int // machines that faults keep from being well
	images  map[string][]image
	hurt    bool            // a disk is damaged that nobody has looked at, or was lost or replaced lately
	latent  bool            // damage may lie on a disk that nobody comes across for long
	broken  map[string]bool // copies that were found damaged and are not repaired yet, by whose they are
	earlier map[string]int  // disks that were put back to an earlier time, by their machine
	bothers bool            // the network loses and delays messages
	style   style           // which faults are frequent
	alone   bool            // disks are damaged, and nothing else is done: then it is done again and again
	sparse  bool            // faults come one at a time and last, so that failovers end

	cluster uint64 // the one that there is
	newest  meta.State
	seen    map[string]uint64 // revision that each machine's node was last seen with
	hashes  map[uint64]uint64 // of the state, by revision
	acted   map[string]string // who acted, by shard and epoch
	watch   watch
	res     WholeResult
}

// style is what kind of fault a run has often.
type style uint8

const (
	nothingSpecial style = iota
	lossOfPower
	lossOfDisks
	damageToDisks
	styles
)

// Whole runs a whole cluster under random faults: it grows from one node, gets
// several shards, and is then cut, crashed, drained, split and moved while clients read
// and write.
func Whole(o WholeOptions) (*WholeResult, error) { return newWhole(o).rehearse() }

func newWhole(o WholeOptions) *wholeNodes {
	if o.Machines == 0 {
		o.Machines = 5
	}
	if o.Clients == 0 {
		o.Clients = 4
	}
	if o.Keys == 0 {
		o.Keys = 8
	}
	e := sim.NewEngine(sim.Config{Seed: o.Seed})
	w := &wholeNodes{WholeOptions: o, e: e, rng: e.Stream("kv.faults", ""), ill: make(map[string]int), seen: make(map[string]uint64),
		hashes: make(map[uint64]uint64), acted: make(map[string]string), images: make(map[string][]image),
		broken: make(map[string]bool), earlier: make(map[string]int)}
	w.res.Damage = make(map[damage.Kind]int)
	w.build()
	return w
}

func (w *wholeNodes) rehearse() (*WholeResult, error) {
	if err := w.run(); errors.Is(err, sim.ErrInterrupted) {
		return nil, w.f.Err()
	} else if err != nil {
		return nil, err
	}
	if w.res.Bad() && w.Keep != "" {
		for _, m := range w.f.Machines() {
			if err := m.Save(filepath.Join(w.Keep, m.Name())); err != nil {
				return nil, fmt.Errorf("keep the disks: %w", err)
			}
		}
	}
	for _, m := range w.f.Machines() {
		m.Crash() // so that nothing of it goes on
	}
	return &w.res, w.e.Close()
}

func (w *wholeNodes) build() {
	if w.Settings.Heartbeat == 0 {
		w.Settings = meta.Defaults()
		if w.rng.IntN(8) > 0 {
			w.Settings.Heartbeat = time.Duration(500+w.rng.IntN(500)) * time.Millisecond
			w.Settings.ReplaceAfter = 5 * time.Second
			w.Settings.BalanceEvery = 5 * time.Second
		}
		if w.rng.IntN(2) == 0 {
			w.Settings.SplitBytes, w.Settings.MergeBytes = 400, 100 // so that they split and merge on their own
		}
	}
	w.sparse, w.style = w.rng.IntN(4) == 0, style(w.rng.IntN(int(styles)))
	if w.Damage {
		w.style, w.alone = damageToDisks, w.rng.IntN(2) == 0
	}
	if w.Duration == 0 && w.sparse {
		w.Duration = 6 * bound(&w.Settings)
	}
	if w.Duration == 0 {
		w.Duration = time.Duration(12+w.rng.IntN(12)) * w.Settings.Heartbeat * 2
		if w.alone {
			w.Duration *= 3 // each damage has to wait until the one before is filled
		}
	}
	cfg := kv.FleetConfig{Settings: w.Settings, Node: w.Node, Store: w.Store, Pebble: w.Pebble}
	cfg.Store.TailBytes = int64(1+w.rng.IntN(16)) << 10
	for i := range w.Machines {
		cfg.Machines = append(cfg.Machines, fmt.Sprint("n", i+1))
	}
	cfg.Zones = [][]string{nil, {"a", "b", "c"}, {"a", "b"}}[w.rng.IntN(3)]
	if w.rng.IntN(2) == 0 {
		cfg.Node.Replica.KeepLog = 8
		cfg.Node.Replica.PageBytes = 400
	}
	if w.rng.IntN(2) == 0 {
		cfg.Node.Meta.SnapshotEvery = 8
	}
	w.f = kv.NewFleet(w.e, cfg)
	w.f.OnEvent, w.f.OnStep, w.f.OnLost, w.f.OnExit = w.happened, w.stepped, w.wasLost, w.exited
	w.admin = w.f.NewCaller("admin")
	set := w.Settings
	w.res.Bound = bound(&set)
	for i := range w.Clients {
		w.clients = append(w.clients, newWholeScript(w, i))
	}
}

func (w *wholeNodes) run() error {
	w.founding()
	if err := w.e.RunUntil(w.isWhole, sim.Time(2*time.Minute)); err != nil {
		return fmt.Errorf("the cluster doesn't become whole: %w", err)
	}
	for i := range 2 {
		w.command(wire.Command{Kind: wire.SplitShard, Shard: w.newest.Map().Lookup(w.key(w.Keys - 1)).ID, Start: w.key(w.Keys * (i + 1) / 3)})
		if err := w.e.Run(w.e.Now().Add(2 * time.Second)); err != nil {
			return err
		}
	}
	for _, s := range w.clients {
		s.next()
	}
	w.begin()
	if err := w.e.Run(w.started.Add(w.Duration)); err != nil {
		return err
	}
	w.heal()
	// Unknown writes may come into effect until the very end: so clients go on reading.
	if err := w.e.Run(w.e.Now().Add(8 * w.Settings.Heartbeat)); err != nil {
		return err
	}
	for _, s := range w.clients {
		s.stopped = true
	}
	limit := w.e.Now().Add(2*w.res.Bound + 2*w.Settings.ReplaceAfter + 2*time.Minute)
	if err := w.e.RunUntil(w.isWhole, limit); err != nil {
		w.problem("not whole, long after all was healed: %v", w.lacks())
	}
	if err := w.e.Run(w.e.Now().Add(3 * time.Second)); err != nil {
		return err
	}
	w.judge()
	w.res.Mended = w.f.Mended
	w.res.Revisions = w.newest.Revision()
	w.res.Events, w.res.TraceHash = w.e.Events(), w.e.TraceHash()
	return w.f.Err()
}

// founding starts all machines alike, each at its time, and some twice.
func (w *wholeNodes) founding() {
	for _, m := range w.f.Machines() {
		w.e.After(time.Duration(w.rng.Int64N(int64(3*time.Second))), "kv.start", m.Start)
		if w.rng.IntN(4) == 0 {
			w.e.After(time.Duration(w.rng.Int64N(int64(4*time.Second))), "kv.crash", m.Crash)
			w.e.After(4*time.Second+time.Duration(w.rng.Int64N(int64(time.Second))), "kv.start", m.Start)
		}
	}
}

// begin begins the faults.
func (w *wholeNodes) begin() {
	w.faults, w.started = true, w.e.Now()
	// Each run has a random subset of the nuisances: some defects show only without the
	// others.
	n := kv.Nuisances{Loss: w.rng.IntN(2) * 20, Repeat: w.rng.IntN(2) * 20, Delay: w.rng.IntN(2) * 20}
	if w.sparse {
		n.Loss, n.Delay = 0, 0
	}
	w.bothers = n.Loss > 0 || n.Delay > 0
	w.f.Bother(n)
	w.e.After(w.pause(), "kv.fault", w.fault)
	w.e.After(0, "kv.watch", w.look)
}

func (w *wholeNodes) pause() time.Duration {
	if w.sparse {
		return time.Duration(w.rng.Int64N(int64(2 * w.res.Bound)))
	}
	return time.Duration(w.rng.Int64N(int64(2 * w.Settings.Heartbeat)))
}

func (w *wholeNodes) key(i int) string { return fmt.Sprintf("key%02d", i) }

func (w *wholeNodes) problem(format string, args ...any) {
	w.res.Problems = append(w.res.Problems, fmt.Sprintf("%v: ", w.e.Now())+fmt.Sprintf(format, args...))
}

// command gives an administrator's command to a random machine. It may fail.
func (w *wholeNodes) command(c wire.Command) {
	to := w.f.Machines()[w.rng.IntN(len(w.f.Machines()))]
	w.admin.Ask(to.Name(), &wire.Admin{Command: c}, 10*time.Second, func(a wire.Message) {
		if r, ok := a.(*wire.AdminResult); ok && r.Status == wire.OK {
			w.res.Changes++
		}
	})
}

// happened counts what the nodes tell, and holds that no epoch has two primaries.
func (w *wholeNodes) happened(m *kv.Machine, e kvnode.Event) {
	switch e.What {
	case "leading":
		w.res.Leaders++
	case "joined":
		if w.style == damageToDisks {
			w.e.After(w.pause(), "kv.photograph", func() { w.photograph(m) })
		}
	case "damaged":
		w.broken[copyOn(m, e.Shard)] = true
	case "repaired":
		delete(w.broken, copyOn(m, e.Shard))
	case "at-odds", "contradicted":
		w.problem("%s, shard %q: %s", m.Name(), e.Shard, e.Detail)
	case "activated":
		w.res.Activations++
		key := fmt.Sprintf("%s@%d", e.Shard, e.Epoch)
		who := fmt.Sprintf("%s/%d", m.Name(), m.Life())
		if was, ok := w.acted[key]; ok && was != who {
			w.problem("epoch %d of shard %s has two primaries, %s and %s", e.Epoch, e.Shard, was, who)
		}
		w.acted[key] = who
	}
}

// copyOn names a shard's copy on a machine, as long as its process lives.
func copyOn(m *kv.Machine, id shardmap.ID) string {
	return fmt.Sprintf("%s/%d/%s", m.Name(), m.Life(), id)
}

// exited empties the disk of a node that was removed, where it was put back to a time before
// that: so the node says, and so do those who run it.
func (w *wholeNodes) exited(m *kv.Machine, err error) {
	if errors.Is(err, kvnode.ErrRemoved) && w.earlier[m.Name()] == m.Disks() {
		w.e.After(time.Second, "kv.wipe", func() {
			m.Wipe()
			m.Start()
		})
	}
}

// tooMany is more events than a rehearsal has by far: nodes that never stop talking.
const tooMany = 1_000_000

// stepped looks at the state that a node has come to know: the same at all for the same
// revision, and each a lawful step from the one before.
func (w *wholeNodes) stepped(m *kv.Machine) {
	if w.e.Events() > tooMany {
		w.f.Fail(fmt.Errorf("kv: %d events by %v: the nodes never stop talking", w.e.Events(), w.e.Now()))
		w.e.Interrupt()
	}
	s := m.Node().State()
	if !s.Known() || w.seen[m.Name()] == s.Revision() {
		return
	}
	w.seen[m.Name()] = s.Revision()
	if w.cluster == 0 {
		w.cluster = s.Cluster()
	}
	if s.Cluster() != w.cluster {
		w.problem("%s belongs to cluster %x, others to %x", m.Name(), s.Cluster(), w.cluster)
		return
	}
	state := s.Wire(false)
	frame, err := wire.Append(nil, &state)
	if err != nil {
		w.f.Fail(err)
		return
	}
	h := fnv.New64a()
	_, _ = h.Write(frame)
	if was, ok := w.hashes[s.Revision()]; ok && was != h.Sum64() {
		w.problem("revision %d of the metadata is not the same on %s as elsewhere", s.Revision(), m.Name())
	}
	w.hashes[s.Revision()] = h.Sum64()
	if w.newest.Known() && s.Revision() > w.newest.Revision() {
		if err := shardmap.CheckStep(w.newest.Map(), s.Map()); err != nil {
			w.problem("%v", err)
		}
	}
	if !w.newest.Known() || s.Revision() > w.newest.Revision() {
		w.newest = s
	}
}
