//determinism:realtime serves the simulated REST API to real clients

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/backend"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
)

// simServeFlags are the words that vary a served cluster.
type simServeFlags struct {
	listen, control, token string
	wallClock, out         string
	speed                  float64
	seed                   uint64
	set                    []string
	asIs, quiet            bool
}

func newSimServeCommand() *cobra.Command {
	var f simServeFlags
	cmd := &cobra.Command{
		Use:   "sim-serve FILE|NAME",
		Short: "Serve the simulated Elasticsearch REST API on local ports while a scenario plays",
		Long: `Sim-serve plays a scenario on the simulated cluster (its load, its controller, its faults
and what must hold) while virtual time follows the wall clock times --speed, and answers
curl and any Elasticsearch client on a port per node. A dead node's port refuses, a paused
one hangs. After the scenario's duration its report is written, and it serves on until it is
stopped. With --as-is the faults, the controller and the expectations stay out: the cluster
is yours.

Faults can also be ordered while it serves, by shardquake fault or on the live page, at the
address of --control.

It listens on this machine's loopback addresses only, unless --token names what clients
must present (as a bearer token, an API key or a password).`,
		Example: `  shardquake sim-serve one-node-lost --listen 127.0.0.1:9200 --speed 10
  curl http://127.0.0.1:9200/_cat/shards?v
  shardquake fault inject '{node-loss: {node: n2, for: 2m}}' --control http://127.0.0.1:9199`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9200", "address of the first node; the others follow on the next ports (port 0: any)")
	flags.StringVar(&f.control, "control", "127.0.0.1:9199", "address that takes orders (port 0: any)")
	flags.Float64Var(&f.speed, "speed", 1, "virtual seconds per second")
	flags.StringVar(&f.token, "token", "", "what clients must present; needed to listen beyond the loopback")
	flags.Uint64Var(&f.seed, "seed", 0, "seed instead of the scenario's")
	flags.StringArrayVar(&f.set, "set", nil, "replace a value of the scenario, `path=value`; may be repeated")
	flags.StringVar(&f.wallClock, "wall-clock", "", "what the nodes' clocks show when they start, such as 2026-01-31T08:00:00Z (default: the file's wall-clock, or now)")
	flags.BoolVar(&f.asIs, "as-is", false, "leave out the scenario's faults, controller and expectations, and its end")
	flags.StringVar(&f.out, "out", "", "folder for the report (default shardquake-out/SCENARIO/served-SEED)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but the addresses and the result")
	return cmd
}

// began is what the nodes' clocks show when they start, of a scenario that may say so.
func (f *simServeFlags) began(s *scenarios.Loaded) (time.Time, error) {
	switch {
	case f.wallClock != "":
		t, err := scenarios.ParseWallClock(f.wallClock)
		if err != nil {
			return t, fmt.Errorf("--wall-clock: %w", err)
		}
		return t, nil
	case s.WallClock != "":
		return s.Began(), nil
	}
	return time.Now(), nil
}

// check refuses wrong words.
func (f *simServeFlags) check() error {
	if !(f.speed > 0 && f.speed <= control.MaxSpeed) {
		return fmt.Errorf("--speed %v: expected a number above 0, at most 1000000", f.speed)
	}
	if err := checkListen("--listen", f.listen, f.token); err != nil {
		return err
	}
	return checkListen("--control", f.control, f.token)
}

func (f *simServeFlags) run(cmd *cobra.Command, name string) error {
	if err := f.check(); err != nil {
		return exit.Usage(err)
	}
	s, err := scenarios.Load(name, f.set, catalog.Vocabulary())
	if err != nil {
		return exit.Usage(err)
	}
	began, err := f.began(s)
	if err != nil {
		return exit.Usage(err)
	}
	if s.System != "elasticsearch" {
		return exit.Usagef("%s describes a cluster of system %q; only elasticsearch has this API", name, s.System)
	}
	if cmd.Flags().Changed("seed") {
		s.Seed = f.seed
	}
	if s, err = s.Drawn(s.Seed); err != nil {
		return exit.Usage(err)
	}
	if f.out == "" {
		f.out = filepath.Join("shardquake-out", s.Name, fmt.Sprintf("served-%d", s.Seed))
	}
	if f.asIs {
		s.Faults, s.Controller, s.Expect, s.Duration = nil, nil, nil, units.Duration(endless)
		s.Rest = &scenarios.RestSection{None: true}
	}
	if err := errors.Join(reports.CheckDir(f.out), reports.Writable(f.out)); err != nil {
		return exit.Usage(err)
	}
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	a := &servedRun{flags: f, scenario: s, out: cmd.OutOrStdout(), pacer: paced.New(f.speed), failed: make(chan error, 1)}
	runner := &scenarios.Runner{
		Backend: catalog.SimulatorAt(began), NewSupervisor: catalog.Supervisor, Explain: catalog.Explain, Progress: progress.line, Attendant: a,
	}
	return f.follow(cmd, s, runner, a)
}

// endless is how long a run as it is lasts, unless it is stopped.
const endless = 10 * 365 * 24 * time.Hour

// follow runs until it is stopped, and ends with what came of it.
func (f *simServeFlags) follow(cmd *cobra.Command, s *scenarios.Loaded, runner *scenarios.Runner, a *servedRun) error {
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	a.stop = stop
	a.began = time.Now()
	res, err := runner.Run(ctx, s, scenarios.Options{})
	select {
	case failed := <-a.failed:
		return exit.Usage(failed)
	default:
	}
	switch {
	case err != nil:
		return err
	case f.asIs:
		return nil
	case res.Aborted != nil:
		a.report(res)
		return &exit.Error{Code: exit.CodeAborted, Err: a.unwritten}
	case a.unwritten != nil:
		return exit.NotKept(res.Verdict, a.unwritten)
	}
	return exit.VerdictError(res.Verdict)
}

// checkListen refuses addresses beyond the loopback without a token.
func checkListen(flag, listen, token string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, listen, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s %s: the port is no number from 0 to 65535", flag, listen)
	}
	if ip := net.ParseIP(host); token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s %s is not a loopback address: give --token too, so that not everybody can use it", flag, listen)
	}
	return nil
}

// servedRun lets clients and orders at a run.
type servedRun struct {
	flags     *simServeFlags
	scenario  *scenarios.Loaded
	out       io.Writer
	pacer     *paced.Pacer
	began     time.Time
	stop      context.CancelFunc
	failed    chan error
	unwritten error // the report is
}

// Attend implements [scenarios.Attendant].
func (a *servedRun) Attend(ctx context.Context, r *scenarios.Run) error {
	err := a.attend(ctx, r)
	if err != nil {
		a.failed <- err
		a.stop()
	}
	return err
}

func (a *servedRun) attend(ctx context.Context, r *scenarios.Run) error {
	model, ok := backend.Model(r.Cluster())
	if !ok {
		return errors.New("the backend has no model to serve")
	}
	clock, ok := r.Clock().(*sim.Clock)
	if !ok {
		return errors.New("the backend's time can't be paced")
	}
	cfg := restapi.ServeConfig{Viewer: scenarios.ViewerClient, Token: a.flags.token}
	orders, err := net.Listen("tcp", a.flags.control)
	if err != nil {
		return fmt.Errorf("--control: %w", err)
	}
	page, err := newServedPage(r, &control.Server{Run: r, Pacer: a.pacer, Token: a.flags.token}, a.scenario)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: page.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(orders) }() // ends with Close
	defer leave(server)
	watched := page.watch(ctx)
	defer watched()
	if cfg.Listeners, err = a.listen(model); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "control http://%s\n", orders.Addr())
	return restapi.New(model).Attend(ctx, clock, a.pacer, cfg)
}

// listen opens a port per node and tells where.
func (a *servedRun) listen(model *elastic.Cluster) (open []net.Listener, err error) {
	host, text, _ := net.SplitHostPort(a.flags.listen)
	port, _ := strconv.Atoi(text)
	for i, node := range model.Nodes() {
		at := port
		if port != 0 {
			at += i
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(at)))
		if err != nil {
			for _, l := range open {
				_ = l.Close()
			}
			return nil, fmt.Errorf("--listen: %w", err)
		}
		open = append(open, l)
		fmt.Fprintf(a.out, "%s http://%s\n", node.Name(), l.Addr())
	}
	return open, nil
}

// Ended implements [scenarios.Attendant].
func (a *servedRun) Ended(res *scenarios.Result) {
	a.report(res)
	fmt.Fprintln(a.out, "\n  the run is over; the cluster is served until this command is stopped")
}

// report writes the report and prints its summary.
func (a *servedRun) report(res *scenarios.Result) {
	res.Wall = time.Since(a.began)
	res.Notes = append(res.Notes, fmt.Sprintf("served in paced time, %g times the machine's at first, to clients outside: the run is not deterministic", a.flags.speed))
	rep, err := reports.Write(a.flags.out, res)
	a.unwritten = err
	if rep == nil {
		return
	}
	a.unwritten = errors.Join(err, reports.Summary(a.out, rep, reports.SummaryOptions{Color: isTerminal(a.out), Dir: a.flags.out}))
}
