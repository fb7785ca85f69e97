//determinism:realtime serves the simulated REST API to real clients

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
)

// simServeFlags are the words that vary a served cluster.
type simServeFlags struct {
	listen, token string
	speed         float64
	seed          uint64
	set           []string
	quiet         bool
}

func newSimServeCommand() *cobra.Command {
	var f simServeFlags
	cmd := &cobra.Command{
		Use:   "sim-serve FILE|NAME",
		Short: "Serve the simulated Elasticsearch REST API on local ports",
		Long: `Sim-serve builds the simulated cluster of a scenario, loads its data and its workload
and answers curl and any Elasticsearch client on a port per node, while virtual time
follows the wall clock times --speed. The scenario's faults and controller stay out: the
cluster is yours.

It listens on this machine's loopback addresses only, unless --token names what clients
must present (as a bearer token, an API key or a password).`,
		Example: `  shardquake sim-serve one-node-lost --listen 127.0.0.1:9200 --speed 10
  curl http://127.0.0.1:9200/_cat/shards?v`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9200", "address of the first node; the others follow on the next ports (port 0: any)")
	flags.Float64Var(&f.speed, "speed", 1, "virtual seconds per second")
	flags.StringVar(&f.token, "token", "", "what clients must present; needed to listen beyond the loopback")
	flags.Uint64Var(&f.seed, "seed", 0, "seed instead of the scenario's")
	flags.StringArrayVar(&f.set, "set", nil, "replace a value of the scenario, `path=value`; may be repeated")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but the addresses")
	return cmd
}

func (f *simServeFlags) run(cmd *cobra.Command, name string) error {
	switch {
	case !(f.speed > 0 && f.speed <= 1e6):
		return usagef("--speed %v: expected a number above 0, at most 1000000", f.speed)
	default:
		if err := checkListen(f.listen, f.token); err != nil {
			return usage(err)
		}
	}
	loaded, err := scenarios.Load(name, f.set, catalog.Vocabulary())
	if err != nil {
		return usage(err)
	}
	if loaded.System != "elasticsearch" {
		return usagef("%s describes a cluster of system %q; only elasticsearch has this API", name, loaded.System)
	}
	if cmd.Flags().Changed("seed") {
		loaded.Seed = f.seed
	}
	if loaded, err = loaded.Drawn(loaded.Seed); err != nil {
		return usage(err)
	}
	progress := newProgress(cmd.ErrOrStderr(), f.quiet)
	cluster, err := startServed(cmd.Context(), loaded, progress)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Close(context.WithoutCancel(cmd.Context())) }()
	progress.done()
	return f.serve(cmd.Context(), cmd.OutOrStdout(), cluster)
}

// checkListen refuses addresses beyond the loopback without a token.
func checkListen(listen, token string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", listen, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--listen %s: the port is no number from 0 to 65535", listen)
	}
	if ip := net.ParseIP(host); token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %s is not a loopback address: give --token too, so that not everybody can use it", listen)
	}
	return nil
}

// startServed builds the cluster with its data and its workload.
func startServed(ctx context.Context, s *scenarios.Loaded, p *progress) (scenarios.Cluster, error) {
	backend, err := catalog.Backend("sim")
	if err != nil {
		return nil, err
	}
	started, err := backend.Start(ctx, s.ClusterSpec(), scenarios.StartOptions{Seed: s.Seed, Progress: p.line})
	if err != nil {
		return nil, err
	}
	cluster, ok := started.(es.Cluster)
	if !ok {
		return nil, errors.Join(errors.New("the backend has no Elasticsearch clusters"), started.Close(context.WithoutCancel(ctx)))
	}
	err = cluster.Run(ctx, func(run, _ context.Context) error {
		p.line("loading data")
		if err := cluster.LoadData(run, es.IndexSpecs(s.Scenario)); err != nil {
			return err
		}
		if err := cluster.Release(run); err != nil {
			return err
		}
		return cluster.Background(run, es.LoadSpecs(s.Scenario))
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, cluster.Close(context.WithoutCancel(ctx)))
	}
	return cluster, nil
}

// serve opens a port per node, tells where, and answers until ctx ends.
func (f *simServeFlags) serve(ctx context.Context, out io.Writer, cluster scenarios.Cluster) error {
	model, ok := elastic.Model(cluster)
	if !ok {
		return errors.New("the backend has no model to serve")
	}
	cfg := restapi.ServeConfig{Viewer: scenarios.ViewerClient, Speed: f.speed, Token: f.token}
	host, text, _ := net.SplitHostPort(f.listen)
	port, _ := strconv.Atoi(text)
	for i, node := range model.Nodes() {
		at := port
		if port != 0 {
			at += i
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(at)))
		if err != nil {
			for _, open := range cfg.Listeners {
				_ = open.Close()
			}
			return usage(err)
		}
		cfg.Listeners = append(cfg.Listeners, l)
		fmt.Fprintf(out, "%s http://%s\n", node.Name(), l.Addr())
	}
	return restapi.New(model).Serve(ctx, cfg)
}
