package kvcmd

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// kvReserve is how much of a node's disk is left for what it can't go on without, at most a
// quarter of it.
const kvReserve = 64 << 20

// kvNodeFlags are the words of a node.
type kvNodeFlags struct {
	*kvFlags
	id, listen, data, zone, diskLimit string
	metrics                           string
	join, founders                    []string
	weight                            uint64
	bootstrap, quiet, jsonEvents      bool
	foundAlone                        bool
	settings                          wire.Settings
}

func newKVNodeCommand(shared *kvFlags) *cobra.Command {
	f := kvNodeFlags{kvFlags: shared, settings: wire.Settings{ReadLevel: wire.Quorum, WriteLevel: wire.Quorum}}
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a node of the key-value store",
		Long: `Node runs a node until it gets SIGINT or SIGTERM. What it acknowledges is on its disk
before: kill it as you like.

All nodes of a new cluster are started alike, with --bootstrap, as often as you like. The first
of them by name makes the cluster when all others have agreed that there is none; the others,
and every node that comes with an empty disk into a cluster that there is, join. Who has to
agree are all nodes of the address book, or those that --founders names. --found-alone asks
nobody: if there is a cluster after all, there are two then.

--heartbeat, --replicas and --manual-balance are settings of the cluster: they count when it
is made.`,
		Example: `  shardquake kv node --id n1 --bootstrap
  shardquake kv node --id n2 --bootstrap --zone b --data /srv/n2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "", "name of this machine; without, the one in the address book that --listen belongs to, or the host's name")
	flags.StringVar(&f.listen, "listen", "", "address to listen on; without, this node's in the address book")
	flags.StringVar(&f.data, "data", "", "`folder` for the data; without, shardquake-kv/ and the id")
	flags.StringVar(&f.zone, "zone", "", "zone of this node: copies are spread over zones")
	flags.Uint64Var(&f.weight, "weight", 1, "share of the data that this node takes")
	flags.StringSliceVar(&f.join, "join", nil, "nodes to join through; without, all others of the address book")
	flags.BoolVar(&f.bootstrap, "bootstrap", false, "make a new cluster if the other nodes agree that there is none, or else join")
	flags.StringSliceVar(&f.founders, "founders", nil, "nodes that have to agree; without, all of the address book")
	flags.BoolVar(&f.foundAlone, "found-alone", false, "make a new cluster on an empty disk without asking anybody: DANGEROUS, there may be one")
	flags.StringVar(&f.diskLimit, "disk-limit", "", "treat the data folder as a disk of this `size`, such as 256mb")
	flags.StringVar(&f.metrics, "metrics", "", "serve figures for Prometheus at http://`ADDR`/metrics, to whoever can reach it")
	flags.DurationVar(&f.settings.Heartbeat, "heartbeat", 0, "how often nodes say that they live (5s)")
	flags.Uint64Var(&f.settings.Replicas, "replicas", 0, "copies of each shard (3)")
	flags.BoolVar(&f.settings.ManualBalance, "manual-balance", false, "no splits, merges and moves by size and load")
	flags.BoolVar(&f.jsonEvents, "json-events", false, "print events on the standard output, as a line of JSON each, instead of logging them")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "log problems only, no events")
	return cmd
}

func (f *kvNodeFlags) run(cmd *cobra.Command) error {
	conn, err := f.config(f.id)
	if err != nil {
		return err
	}
	if err := f.place(&conn); err != nil {
		return err
	}
	if err := tcp.CheckListen(f.listen, conn.Key); err != nil {
		return exit.Usage(err)
	}
	store, err := f.storage()
	if err != nil {
		return err
	}
	return f.serve(cmd.Context(), conn, store, cmd.OutOrStdout(), cmd.ErrOrStderr())
}

// place finds out what was left open of name, address, folder and nodes to join through.
func (f *kvNodeFlags) place(conn *tcp.Config) error {
	for _, name := range conn.Book.Names() {
		if f.id == "" && f.listen != "" && conn.Book[name] == f.listen {
			f.id = name
		}
	}
	if f.id == "" {
		host, err := os.Hostname()
		if err != nil {
			return exit.Usagef("--id is missing, and this machine has no name: %w", err)
		}
		f.id = host
	}
	if err := meta.CheckName(f.id); err != nil {
		return exit.Usagef("--id %w", err)
	}
	if f.zone != "" {
		if err := meta.CheckName(f.zone); err != nil {
			return exit.Usagef("--zone %w", err)
		}
	}
	if f.listen == "" {
		address, err := conn.Book.Address(f.id)
		if err != nil {
			return exit.Usagef("--listen is missing: %w", err)
		}
		f.listen = address
	}
	if f.data == "" {
		f.data = filepath.Join("shardquake-kv", f.id)
	}
	others := slices.DeleteFunc(conn.Book.Names(), func(name string) bool { return name == f.id })
	if len(f.join) == 0 {
		f.join = others
		if len(f.join) == 0 && !f.bootstrap && !f.foundAlone {
			return exit.Usagef("the address book names no other node to join through, and --bootstrap isn't given")
		}
	}
	for _, name := range f.join {
		if _, err := conn.Book.Address(name); err != nil {
			return exit.Usagef("--join: %w", err)
		}
	}
	if err := f.placeFounders(conn, others); err != nil {
		return err
	}
	conn.Name = f.id
	return nil
}

// placeFounders finds out who has to agree to a new cluster.
func (f *kvNodeFlags) placeFounders(conn *tcp.Config, others []string) error {
	for _, name := range f.founders {
		if _, err := conn.Book.Address(name); err != nil {
			return exit.Usagef("--founders: %w", err)
		}
	}
	switch {
	case f.foundAlone:
		f.bootstrap, f.founders = true, nil
	case len(f.founders) == 0:
		f.founders = others
	case !slices.Contains(f.founders, f.id):
		f.bootstrap = false // it joins what they make
	default:
		f.founders = slices.DeleteFunc(slices.Clone(f.founders), func(name string) bool { return name == f.id })
	}
	return nil
}

// storage is the configuration of the node's disk.
func (f *kvNodeFlags) storage() (pebblestore.Config, error) {
	cfg := pebblestore.Config{FS: vfs.Default, Reserve: kvReserve}
	if err := os.MkdirAll(f.data, 0o700); err != nil {
		return cfg, exit.Usage(err)
	}
	if err := os.Chmod(f.data, 0o700); err != nil { // it may have been there before
		return cfg, exit.Usage(err)
	}
	if disk, err := vfs.Default.GetDiskUsage(f.data); err == nil { // otherwise it can't be told
		cfg.Reserve = min(kvReserve, disk.TotalBytes/4)
	}
	if f.diskLimit != "" {
		size, err := units.ParseSize(f.diskLimit)
		limit := int64(size)
		if err != nil {
			return cfg, exit.Usagef("--disk-limit: %w", err)
		}
		if limit < 16<<20 {
			return cfg, exit.Usagef("--disk-limit %s: a node needs at least 16mb", f.diskLimit)
		}
		cfg.FS = pebblestore.Limit(f.data, limit)
		cfg.Reserve = min(kvReserve, uint64(limit)/4)
	}
	return cfg, nil
}

// hasData reports whether the folder holds a node's data.
func (f *kvNodeFlags) hasData() bool {
	entries, err := os.ReadDir(f.database())
	return err == nil && len(entries) > 0
}

func (f *kvNodeFlags) database() string { return filepath.Join(f.data, "db") }

// serve runs the node until ctx ends. One whose disk turns out to be that of an earlier time,
// or to have what can't be read and nobody else has, goes on with an empty one: as another node, which the others provide with what it needs.
func (f *kvNodeFlags) serve(ctx context.Context, conn tcp.Config, store pebblestore.Config, out, log io.Writer) error {
	for {
		err := f.serveDisk(ctx, conn, store, out, log)
		if !errors.Is(err, storage.ErrCorrupt) {
			return err
		}
		aside, asideErr := pebblestore.SetAside(f.database(), err)
		if asideErr != nil {
			return &exit.Error{Code: exit.CodeFail, Err: errors.Join(err, asideErr)}
		}
		kvLog(log)("%v: it is set aside as %s, and an empty one comes in its place", err, aside)
	}
}

// serveDisk runs the node on one disk.
func (f *kvNodeFlags) serveDisk(ctx context.Context, conn tcp.Config, store pebblestore.Config, out, log io.Writer) error {
	had := f.hasData()
	engine, lost, err := pebblestore.OpenOrSetAside(f.database(), store)
	if errors.Is(err, syscall.EAGAIN) {
		return exit.Usagef("data in %s: another process uses it: %w", f.data, err)
	}
	if err != nil {
		return &exit.Error{Code: exit.CodeFail, Err: fmt.Errorf("data in %s: %w", f.data, err)}
	}
	logf := kvLog(log)
	if f.foundAlone && !had {
		logf("WARNING: --found-alone: this node makes a NEW cluster without having asked any other; if there is one, there are two now")
	}
	if n := engine.Mended(); n > 0 {
		logf("data in %s: the log had lost its last %d batches, which its tail gave back", f.data, n)
	}
	if lost != "" {
		logf("data in %s: the database that was here lost what it had synced; this node comes as another one, to which the others give their data. %s", f.data, lost)
	}
	cfg := tcp.NodeConfig{Config: conn, Listen: f.listen, Logf: logf, Node: node.Config{
		Lost: lost, Zone: f.zone, Weight: f.weight, Bootstrap: f.bootstrap, Founders: f.founders, Settings: f.settings, Join: f.join, Rand: kvRandom(), Wall: time.Now}}
	events := json.NewEncoder(out)
	watch := newKVWatch(f.data, store)
	cfg.OnEvent = func(e node.Event) {
		watch.happened(e)
		switch {
		case f.jsonEvents:
			_ = events.Encode(e) // whoever reads them may be gone
		case !f.quiet:
			logf("%s", describeEvent(e))
		}
	}
	n, err := tcp.NewNode(ctx, cfg, engine)
	if errors.Is(err, node.ErrOthersData) {
		err = exit.Usagef("--data %s: %w", f.data, err)
	} else if err != nil {
		err = &exit.Error{Code: exit.CodeFail, Err: err}
	}
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	if f.metrics != "" {
		stop, err := watch.serve(ctx, f.metrics, n)
		if err != nil {
			return errors.Join(exit.Usagef("--metrics: %w", err), engine.Close())
		}
		defer stop()
	}
	fmt.Fprintf(out, "node %s listens on %s\n", f.id, n.Address())
	if err := n.Run(ctx); err != nil {
		return &exit.Error{Code: exit.CodeFail, Err: errors.Join(err, engine.Close())}
	}
	if err := engine.Close(); err != nil {
		return &exit.Error{Code: exit.CodeFail, Err: err}
	}
	return nil
}

func describeEvent(e node.Event) string {
	if e.Detail != "" {
		detail := e.Detail
		e.Detail = ""
		return describeEvent(e) + ": " + detail
	}
	switch {
	case e.Shard != "" && e.Epoch != 0:
		return fmt.Sprintf("copy of %s: %s (epoch %d)", e.Shard, e.What, e.Epoch)
	case e.Shard != "":
		return fmt.Sprintf("copy of %s: %s", e.Shard, e.What)
	case e.Epoch != 0:
		return fmt.Sprintf("metadata group: %s (term %d)", e.What, e.Epoch)
	}
	return e.What
}

// kvLog writes lines with the time of day. It may be used by several goroutines.
func kvLog(w io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		line := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), line)
	}
}

// kvRandom is a stream that differs at every start.
func kvRandom() *rand.Rand {
	var seed [16]byte
	_, _ = crand.Read(seed[:]) // never fails
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:]), binary.LittleEndian.Uint64(seed[8:])))
}
